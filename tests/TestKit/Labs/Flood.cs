using System.Buffers.Binary;
using System.Net;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.TestKit.Labs;

/// <summary>Sends frames in the background from a namespace's eth0 as fast as the link allows.</summary>
public sealed class Flood : IAsyncDisposable
{
    private const ulong Gateway = 0x02ACC0000001;

    private readonly CancellationTokenSource _stop = new();
    private readonly Task<int> _sending;
    private readonly TimeSpan _pause;
    private int _sent;

    private Flood(string netns, IEnumerable<byte[]> frames, bool repeat, TimeSpan pause)
    {
        _pause = pause;
        _sending = Task.Run(() => Send(netns, frames, repeat));
    }

    /// <summary>The number of frames sent so far.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>Sends all frames once, or repeatedly until it is stopped, with a pause after each time.</summary>
    public static Flood Start(string netns, IEnumerable<byte[]> frames, bool repeat, TimeSpan pause = default) =>
        new(netns, frames, repeat, pause);

    /// <summary>Sends UDP packets of one flow of a pod, until it is stopped.</summary>
    /// <param name="from">The pod.</param>
    /// <param name="to">The destination's address.</param>
    /// <param name="port">The destination port.</param>
    /// <param name="burst">The number of packets between two pauses.</param>
    /// <param name="pause">The pause.</param>
    public static Flood Udp(PodEnd from, string to, int port, int burst, TimeSpan pause)
    {
        var frame = Frame.Build(Frame.Udp, Number(from.Address), 5000, Number(to), (ushort)port).From(from.Mac.Value, Gateway);
        return Start(from.Namespace, Enumerable.Repeat(frame.Bytes, burst), repeat: true, pause);
    }

    /// <summary>Stops as soon as every frame has been sent once.</summary>
    /// <returns>The number of frames sent.</returns>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        return await _sending;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private int Send(string netns, IEnumerable<byte[]> frames, bool repeat)
    {
        using var place = NetNamespace.OpenNamed(netns);
        using var port = PacketPort.Open(place, "eth0");
        for (var round = 0; round == 0 || (repeat && !_stop.IsCancellationRequested); round++)
        {
            foreach (var frame in frames)
            {
                while (!port.TrySend(frame))
                {
                    Thread.Yield();
                }

                Interlocked.Increment(ref _sent);
                if (round > 0 && _stop.IsCancellationRequested)
                {
                    break;
                }
            }

            if (_pause > TimeSpan.Zero)
            {
                Thread.Sleep(_pause);
            }
        }

        return Sent;
    }

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());
}
