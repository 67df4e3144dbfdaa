using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Services.Tests.Floods;

/// <summary>Frames sent from a namespace's eth0 as fast as the link takes them, in the background.</summary>
internal sealed class Flood : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task<int> _sending;

    private Flood(string netns, IEnumerable<byte[]> frames, bool again) => _sending = Task.Run(() => Send(netns, frames, again));

    /// <summary>Sends all frames once, or again until it is stopped.</summary>
    public static Flood Start(string netns, IEnumerable<byte[]> frames, bool again) => new(netns, frames, again);

    /// <summary>Ends it behind the last of the frames, if they were all sent once, else there.</summary>
    /// <returns>How many were sent.</returns>
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

    private int Send(string netns, IEnumerable<byte[]> frames, bool again)
    {
        using var place = NetNamespace.OpenNamed(netns);
        using var port = PacketPort.Open(place, "eth0");
        var sent = 0;
        for (var round = 0; round == 0 || (again && !_stop.IsCancellationRequested); round++)
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
