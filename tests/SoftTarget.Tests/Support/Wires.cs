using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>A port namespace with links whose peers are in a namespace of the test. Both are deleted on disposal.</summary>
internal sealed class Wires : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _name = "st" + Guid.NewGuid().ToString("N")[..10];
    private readonly NetNamespace _far;
    private readonly Dictionary<string, PacketPort> _ends = [];
    private readonly PacketBatch _batch = new(64);
    private NetNamespace? _near;

    public Wires(bool createNear = true)
    {
        _far = NetNamespace.CreateNamed(_name + "f");
        if (createNear)
        {
            CreateNear();
        }
    }

    /// <summary>Path of the port namespace.</summary>
    public string Path => NetNamespace.NamedPath(_name + "n");

    public void CreateNear() => _near = NetNamespace.CreateNamed(_name + "n");

    public void DeleteNear()
    {
        _near?.Dispose();
        _near = null;
        NetNamespace.DeleteNamed(_name + "n");
    }

    /// <summary>Creates a wire: a link in the port namespace, and the peer that <see cref="Send"/> and <see cref="Receive"/> use.</summary>
    public void Lay(string port, int? mtu = null)
    {
        var end = "e" + port;
        using (var netlink = RouteNetlink.Open(_near))
        {
            netlink.CreateVeth(new VethSpec { Name = port, PeerName = end, PeerNamespace = _far, Mtu = mtu, Up = true });
        }

        using (var netlink = RouteNetlink.Open(_far))
        {
            netlink.SetUp(netlink.GetLink(end)!.Index);
            if (_ends.Remove(port, out var old))
            {
                old.Dispose();
            }

            _ends.Add(port, PacketPort.Open(_far, end));
            WaitFor(() => netlink.GetLink(end)!.IsRunning, $"{end} runs");
        }

        using (var netlink = RouteNetlink.Open(_near))
        {
            WaitFor(() => netlink.GetLink(port)!.IsRunning, $"{port} runs");
        }
    }

    /// <summary>Deletes a wire.</summary>
    public void Cut(string port)
    {
        using var netlink = RouteNetlink.Open(_near);
        netlink.DeleteLink(netlink.GetLink(port)!.Index);
    }

    /// <summary>Waits until a wire is gone.</summary>
    public void WaitForCut(string port)
    {
        using var netlink = RouteNetlink.Open(_far);
        WaitFor(() => netlink.GetLink("e" + port) is null, $"e{port} is gone");
    }

    public void Rename(string port, string name)
    {
        using var netlink = RouteNetlink.Open(_near);
        var link = netlink.GetLink(port)!;
        netlink.SetDown(link.Index);
        netlink.Rename(link.Index, name);
        netlink.SetUp(link.Index);
    }

    public void Send(string port, byte[] frame) => Assert.True(_ends[port].TrySend(frame), "the wire does not accept the frame");

    /// <summary>The next test frame that arrives; null on timeout.</summary>
    public byte[]? Receive(string port, TimeSpan? limit = null)
    {
        using var epoll = new Epoll();
        epoll.Add(_ends[port].Handle, EpollEvents.Read, 1);
        var events = new EpollEvent[1];
        var end = DateTime.UtcNow + (limit ?? Limit);
        while (DateTime.UtcNow < end)
        {
            // The kernel also sends multicasts; test frames have their own EtherType.
            var count = _ends[port].Receive(_batch);
            for (var i = 0; i < count; i++)
            {
                var frame = _batch.Frame(i);
                if (frame.Length >= 14 && frame[12] == 0x88 && frame[13] == 0xB5)
                {
                    return frame.ToArray();
                }
            }

            if (count == 0)
            {
                epoll.Wait(events, 50);
            }
        }

        return null;
    }

    /// <summary>A frame with an experimental EtherType.</summary>
    public static byte[] Frame(byte mark, int length = 60)
    {
        var frame = new byte[length];
        Array.Fill(frame, mark, 14, length - 14);
        new byte[] { 0x02, 0, 0, 0, 0, mark, 0x02, 0, 0, 0, 0, 0xEE, 0x88, 0xB5 }.CopyTo(frame, 0);
        return frame;
    }

    public static void WaitFor(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow + Limit;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"{what}: not within {Limit.TotalSeconds} s");
            Thread.Yield();
        }
    }

    public void Dispose()
    {
        foreach (var end in _ends.Values)
        {
            end.Dispose();
        }

        _batch.Dispose();
        DeleteNear();
        _far.Dispose();
        NetNamespace.DeleteNamed(_name + "f");
    }
}
