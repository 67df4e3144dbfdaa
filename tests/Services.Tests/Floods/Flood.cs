using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Services.Tests.Floods;

/// <summary>Sends frames in the background from a namespace's eth0 as fast as the link allows.</summary>
internal sealed class Flood : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task<int> _sending;

    private Flood(string netns, IEnumerable<byte[]> frames, bool repeat) => _sending = Task.Run(() => Send(netns, frames, repeat));

    /// <summary>Sends all frames once, or repeatedly until it is stopped.</summary>
    public static Flood Start(string netns, IEnumerable<byte[]> frames, bool repeat) => new(netns, frames, repeat);

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
        var sent = 0;
        for (var round = 0; round == 0 || (repeat && !_stop.IsCancellationRequested); round++)
        {
            foreach (var frame in frames)
            {
                while (!port.TrySend(frame))
                {
                    Thread.Yield();
                }

                sent++;
                if (round > 0 && _stop.IsCancellationRequested)
                {
                    break;
                }
            }
        }
        return sent;
    }
}
