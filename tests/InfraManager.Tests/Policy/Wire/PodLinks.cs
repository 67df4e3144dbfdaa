using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>The pods' ends of a target's ports: sends packets as the pods do, and sees which of them arrive.</summary>
internal sealed class PodLinks(NetNamespace ports, MacAddress gateway) : IDisposable
{
    private const uint Magic = 0x0ACC9A55;
    private const int PayloadLength = 8;

    // Less than a TAP queues.
    private const int InFlight = 64;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, Pod> _pods = new(StringComparer.Ordinal);
    private readonly PacketBatch _batch = new();
    private readonly EpollEvent[] _events = new EpollEvent[64];
    private readonly Epoll _epoll = new();

    // Of the packets that were sent: those that have to arrive still, and why the others must not.
    private readonly Dictionary<uint, string> _awaited = [];
    private readonly Dictionary<uint, Probe> _sent = [];
    private readonly List<string> _problems = [];
    private uint _number;

    /// <summary>The number of packets that were sent and looked for.</summary>
    public long Verified { get; private set; }

    public IEnumerable<string> Pods => _pods.Keys;

    /// <summary>Opens the link of a port that exists.</summary>
    /// <param name="pod">How probes name the pod.</param>
    /// <param name="port">The name of its port.</param>
    /// <param name="mac">Its MAC address.</param>
    /// <param name="address">Its IPv4 address.</param>
    public void Open(string pod, string port, MacAddress mac, IPAddress address)
    {
        using var netlink = RouteNetlink.Open(ports);
        WaitFor(() => netlink.GetLink(port) is not null, $"the link of {port}");
        netlink.SetUp(netlink.GetLink(port)!.Index);
        WaitFor(() => netlink.GetLink(port)!.IsRunning, $"{port} to run");
        var link = PacketPort.Open(ports, port);
        _epoll.Add(link.Handle, EpollEvents.Read, (ulong)_pods.Count);
        _pods.Add(pod, new Pod(pod, link, mac.Value, BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes())));
    }

    public void CloseAll()
    {
        foreach (var pod in _pods.Values)
        {
            _epoll.Remove(pod.Link.Handle);
            pod.Link.Dispose();
        }

        _pods.Clear();
    }

    /// <summary>Sends all packets, and fails unless exactly those arrive that must.</summary>
    public void Verify(IEnumerable<Probe> probes)
    {
        foreach (var sent in probes.GroupBy(p => p.From))
        {
            foreach (var some in sent.Chunk(InFlight))
            {
                Send(_pods[sent.Key], some);
            }
        }

        // Also what arrived although it must not, from earlier calls.
        Collect();
        if (_problems.Count > 0)
        {
            Report([.. _problems]);
        }
    }

    /// <summary>Sends one packet, and fails unless it arrives at that pod, or nowhere.</summary>
    /// <param name="from">The pod that sends it.</param>
    /// <param name="to">The pod where it must arrive; null for none.</param>
    /// <param name="build">The packet, with the given payload.</param>
    public void Verify(string from, string? to, Func<byte[], Frame> build)
    {
        var sender = _pods[from];
        var number = ++_number;
        _sent.Add(number, new Probe(from, to ?? "nobody", 0, 0, to is not null));
        if (to is not null)
        {
            _awaited.Add(number, to);
        }

        Send(sender, build(Payload(number)).From(sender.Mac, gateway.Value));
        Verified++;
        Settle(sender);
        if (_problems.Count > 0)
        {
            Report([.. _problems]);
        }
    }

    private void Report(string[] problems)
    {
        _awaited.Clear();
        _problems.Clear();
        Assert.Fail($"{problems.Length} packets: {string.Join('\n', problems.Take(8))}");
    }

    private void Send(Pod from, IReadOnlyCollection<Probe> probes)
    {
        foreach (var probe in probes)
        {
            Send(from, probe);
            Verified++;
        }

        Settle(from);
    }

    /// <summary>Waits until everything that a pod has sent is judged, and what must arrive has arrived.</summary>
    private void Settle(Pod from)
    {
        // The target takes the frames of a port in order: when a packet that always passes has come back, all before it are judged.
        Send(from, new Probe(from.Name, from.Name, IpProtocol.Udp, 9, Passes: true));
        var start = Stopwatch.GetTimestamp();
        while (_awaited.Count > 0)
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
            {
                Report([.. _awaited.Select(a => $"lost: {_sent[a.Key]}"), .. _problems]);
            }

            _ = _epoll.Wait(_events, 100);
            Collect();
        }
    }

    private void Send(Pod from, Probe probe)
    {
        var number = ++_number;
        _sent.Add(number, probe);
        if (probe.Passes)
        {
            _awaited.Add(number, probe.To);
        }

        Send(from, probe.ToFrame(from.Address, _pods[probe.To].Address, number, Payload(number)).From(from.Mac, gateway.Value));
    }

    private static void Send(Pod from, Frame frame) =>
        Assert.True(from.Link.TrySend(frame.Bytes), $"the link of {from.Name} does not accept a frame");

    private static byte[] Payload(uint number)
    {
        var payload = new byte[PayloadLength];
        BinaryPrimitives.WriteUInt32BigEndian(payload, Magic);
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(4), number);
        return payload;
    }

    private void Collect()
    {
        foreach (var pod in _pods.Values)
        {
            while (pod.Link.Receive(_batch) is var count and > 0)
            {
                for (var i = 0; i < count; i++)
                {
                    Note(pod, _batch.Frame(i));
                }
            }
        }
    }

    private void Note(Pod at, ReadOnlySpan<byte> bytes)
    {
        // The kernel sends other frames through the links, too.
        if (bytes.Length < 34 + PayloadLength || bytes[12] != 0x08 || bytes[13] != 0)
        {
            return;
        }

        var payload = new Frame(bytes.ToArray()).Ip[^PayloadLength..];
        if (BinaryPrimitives.ReadUInt32BigEndian(payload) != Magic)
        {
            return;
        }

        var number = BinaryPrimitives.ReadUInt32BigEndian(payload[4..]);
        if (!_awaited.Remove(number, out var to))
        {
            _problems.Add($"arrived: {_sent[number]}");
        }
        else if (to != at.Name)
        {
            _problems.Add($"arrived at {at.Name}: {_sent[number]}");
        }
    }

    private static void WaitFor(Func<bool> condition, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"not within {Limit.TotalSeconds} s: {what}");
            Thread.Sleep(1);
        }
    }

    public void Dispose()
    {
        CloseAll();
        _epoll.Dispose();
        _batch.Dispose();
    }

    private sealed record Pod(string Name, PacketPort Link, ulong Mac, uint Address);
}
