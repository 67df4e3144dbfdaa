using System.Net;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>
/// Requests and answers about neighbours and IPv4 settings byte by byte, following linux/neighbour.h and if_link.h. The answers were
/// captured from Linux 6.18.
/// </summary>
public sealed class NeighborCodecTests : IDisposable
{
    private readonly ScriptedKernel _kernel = new();
    private readonly RouteNetlink _route;

    public NeighborCodecTests()
    {
        _route = new RouteNetlink(new NetlinkConnection(_kernel, _kernel.Time));
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence);
    }

    public void Dispose() => _route.Dispose();

    [Fact]
    public void List_neighbours_of_a_link()
    {
        _kernel.OnRequest = (_, sequence) =>
        {
            foreach (var payload in new[]
            {
                "02000000030000000200000108000100c00002010a000200020000000001000008000400000000001400030000000000000000000000000001000000",
                "02000000030000000100000108000100c00002020800040004000000140003007017000000000000000000000100000008000f0001000000",
                "02000000030000002000000108000100c000020308000400000000001400030070170000000000000000000000000000",
                "0a000000030000000400800114000100" + "20010db8000000000000000000000001"
                    + "0a000200020000000002000008000400000000001400030070170000000000000000000000000000",
                // Of another link: kernels before 4.20 do not filter.
                "02000000040000000200000108000100c00002090a000200020000000001000008000400000000001400030000000000000000000000000001000000",
                // A bridge's table of MAC addresses.
                "07000000030000008000020a0a0002003333000000010000",
            })
            {
                _kernel.Answer(Bytes.Message(28, 2, sequence, ScriptedKernel.Port, Bytes.Hex(payload)));
            }

            _kernel.Done(sequence);
        };
        Assert.Equal(
        [
            new NeighborEntry
            {
                InterfaceIndex = 3,
                Address = IPAddress.Parse("192.0.2.1"),
                Mac = MacAddress.Parse("02:00:00:00:00:01"),
                State = NeighborStates.Reachable,
                SinceConfirmed = TimeSpan.Zero,
            },
            new NeighborEntry
            {
                InterfaceIndex = 3,
                Address = IPAddress.Parse("192.0.2.2"),
                State = NeighborStates.Incomplete,
                Flags = NeighborFlags.Managed,
                SinceConfirmed = TimeSpan.FromSeconds(60),
            },
            new NeighborEntry
            {
                InterfaceIndex = 3,
                Address = IPAddress.Parse("192.0.2.3"),
                State = NeighborStates.Failed,
                SinceConfirmed = TimeSpan.FromSeconds(60),
            },
            new NeighborEntry
            {
                InterfaceIndex = 3,
                Address = IPAddress.Parse("2001:db8::1"),
                Mac = MacAddress.Parse("02:00:00:00:00:02"),
                State = NeighborStates.Stale,
                Flags = NeighborFlags.Router,
                SinceConfirmed = TimeSpan.FromSeconds(60),
            },
        ], _route.GetNeighbors(3));
        // RTM_GETNEIGH; REQUEST|DUMP; NDA_IFINDEX
        Expect("1e00 0103", "00 00 0000 00000000 0000 00 00 0800 0800 03000000");
    }

    [Fact]
    public void Set_a_neighbour()
    {
        _route.SetNeighbor(new NeighborEntry
        {
            InterfaceIndex = 3,
            Address = IPAddress.Parse("192.0.2.1"),
            Mac = MacAddress.Parse("02:00:00:00:00:01"),
            State = NeighborStates.Permanent,
        });
        // RTM_NEWNEIGH; REQUEST|ACK|REPLACE|CREATE
        Expect("1c00 0505", "02 00 0000 03000000 8000 00 00 0800 0100 c0000201 0a00 0200 020000000001 0000");
    }

    [Fact]
    public void Manage_a_neighbour()
    {
        _route.SetNeighbor(new NeighborEntry
        {
            InterfaceIndex = 3,
            Address = IPAddress.Parse("2001:db8::1"),
            Flags = NeighborFlags.Use | NeighborFlags.Managed,
        });
        // NTF_USE; NDA_FLAGS_EXT: NTF_EXT_MANAGED
        Expect("1c00 0505", "0a 00 0000 03000000 0000 01 00 1400 0100 20010db8000000000000000000000001 0800 0f00 01000000");
    }

    [Fact]
    public void Use_a_neighbour_that_exists()
    {
        var neighbor = new NeighborEntry { InterfaceIndex = 3, Address = IPAddress.Parse("192.0.2.1"), Flags = NeighborFlags.Use };
        Assert.True(_route.SetNeighbor(neighbor, create: false));
        Expect("1c00 0501", "02 00 0000 03000000 0000 01 00 0800 0100 c0000201");
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, error: (int)Errno.ENOENT);
        Assert.False(_route.SetNeighbor(neighbor, create: false));
    }

    [Fact]
    public void Delete_a_neighbour()
    {
        Assert.True(_route.DeleteNeighbor(3, IPAddress.Parse("192.0.2.1")));
        Expect("1d00 0500", "02 00 0000 03000000 0000 00 00 0800 0100 c0000201");
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, error: (int)Errno.ENOENT);
        Assert.False(_route.DeleteNeighbor(3, IPAddress.Parse("192.0.2.1")));
    }

    [Fact]
    public void Change_IPv4_settings()
    {
        _route.SetIPv4Settings(3, (IPv4Setting.Forwarding, 1), (IPv4Setting.ArpAnnounce, 2));
        // RTM_NEWLINK; IFLA_AF_SPEC { AF_INET { IFLA_INET_CONF { 1: 1, 18: 2 } } }
        Expect("1000 0500", "00 00 0000 03000000 00000000 00000000 1c00 1a00 1800 0200 1400 0100 0800 0100 01000000 0800 1200 02000000");
    }

    [Fact]
    public void Lost_and_malformed_events_require_a_new_list()
    {
        var good = Bytes.Message(
            28, 0, 0, 0, Bytes.Hex("02 00 0000 03000000 0200 00 01 0800 0100 c0000201 0a00 0200 020000000001 0000"));
        var gone = Bytes.Message(29, 0, 0, 0, Bytes.Hex("02 00 0000 03000000 2000 00 01 0800 0100 c0000201"));
        using var kernel = new ScriptedKernel();
        using var monitor = new NeighborMonitor(kernel, new FileDescriptor());
        kernel.Lose();
        kernel.Answer([.. good, .. gone]);
        kernel.Answer([.. good, 3, 0, 0, 0]);
        kernel.Answer(Bytes.Message(28, 0, 0, 0, Bytes.Hex("02 00 00")));
        kernel.AnswerCutOff();
        kernel.Answer(gone);
        var kinds = new List<NeighborEventKind>();
        while (monitor.TryRead(out var e))
        {
            Assert.Equal(e.Kind == NeighborEventKind.Lost, e.Neighbor is null);
            kinds.Add(e.Kind);
        }

        Assert.Equal([NeighborEventKind.Lost, NeighborEventKind.Changed, NeighborEventKind.Removed, NeighborEventKind.Changed,
            NeighborEventKind.Lost, NeighborEventKind.Lost, NeighborEventKind.Lost, NeighborEventKind.Removed], kinds);
    }

    private void Expect(string typeAndFlags, string payload)
    {
        var request = _kernel.Requests[^1];
        Assert.Equal(Bytes.Hex(typeAndFlags), request[4..8]);
        Assert.Equal(request.Length, BitConverter.ToInt32(request));
        Assert.Equal(Convert.ToHexStringLower(Bytes.Hex(payload)), Convert.ToHexStringLower(request.AsSpan(16)));
    }
}
