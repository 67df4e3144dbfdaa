using System.Diagnostics;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.TestKit.Labs;

/// <summary>A raw socket on a pod's interface: sends any frame and receives every frame that arrives.</summary>
public sealed class Wire : IDisposable
{
    private readonly NetNamespace _namespace;
    private readonly PacketPort _port;
    private readonly PacketBatch _batch = new();

    public Wire(Pod pod)
    {
        _namespace = NetNamespace.Open($"/run/netns/{pod.Namespace}");
        _port = PacketPort.Open(_namespace, "eth0");
    }

    public void Send(byte[] frame) => Assert.True(_port.TrySend(frame), "the frame was not sent");

    /// <summary>The frames that arrive until one satisfies <paramref name="last"/>, including that one.</summary>
    public List<byte[]> ReceiveUntil(Func<byte[], bool> last)
    {
        var seen = new List<byte[]>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(10))
        {
            var count = _port.Receive(_batch);
            for (var i = 0; i < count; i++)
            {
                var frame = _batch.Frame(i).ToArray();
                seen.Add(frame);
                if (last(frame))
                {
                    return seen;
                }
            }

            if (count == 0)
            {
                Thread.Yield();
            }
        }

        throw new TimeoutException($"the expected frame did not arrive; {seen.Count} others did");
    }

    public void Dispose()
    {
        _port.Dispose();
        _batch.Dispose();
        _namespace.Dispose();
    }
}
