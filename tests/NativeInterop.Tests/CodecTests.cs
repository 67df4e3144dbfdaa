using System.Net;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>Requests and answers byte by byte, following linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h and veth.h.</summary>
public sealed class CodecTests : IDisposable
{
    private readonly ScriptedKernel _kernel = new();
    private readonly RouteNetlink _route;

    public CodecTests()
    {
        _route = new RouteNetlink(new NetlinkConnection(_kernel, _kernel.Time));
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence);
    }

    public void Dispose() => _route.Dispose();

    [Fact]
    public void Create_veth()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, error: 1);
        Assert.Throws<NetlinkException>(() => _route.CreateVeth(new VethSpec
        {
            Name = "acc1",
            PeerName = "eth0",
            Mac = MacAddress.Parse("02:00:00:00:00:01"),
            PeerMac = MacAddress.Parse("02:00:00:00:00:02"),
            Mtu = 1500,
            Up = true,
        }));
        // RTM_NEWLINK; REQUEST|ACK|EXCL|CREATE
        Expect("1000 0506", """
            00 00 0000 00000000 01000000 01000000
            0900 0300 61636331 00 000000
            0a00 0100 020000000001 0000
            0800 0400 dc050000
            4800 1200
              0900 0100 76657468 00 000000
              3800 0200
                3400 0100
                  00 00 0000 00000000 00000000 00000000
                  0900 0300 65746830 00 000000
                  0a00 0100 020000000002 0000
                  0800 0400 dc050000
            """);
    }

    [Fact]
    public void Create_ipvlan_in_layer_2_and_vepa()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, error: 95);
        Assert.Throws<NetlinkException>(() => _route.CreateIpvlan(new IpvlanSpec { Name = "eth0", Parent = 7, Mtu = 1400 }));
        Expect("1000 0506", """
            00 00 0000 00000000 00000000 00000000
            0900 0300 65746830 00 000000
            0800 0400 78050000
            0800 0500 07000000
            2400 1200
              0b00 0100 6970766c616e00 00
              1400 0200
                0600 0100 0000 0000
                0600 0200 0200 0000
            """);
    }

    [Fact]
    public void Delete_link()
    {
        _route.DeleteLink(7);
        Expect("1100 0500", "00 00 0000 07000000 00000000 00000000");
    }

    [Fact]
    public void Find_link_by_name()
    {
        Assert.Throws<NetlinkException>(() => _route.GetLink("lo"));
        // IFLA_EXT_MASK: no statistics.
        Expect("1200 0500", "00 00 0000 00000000 00000000 00000000  0800 1d00 08000000  0700 0300 6c6f00 00");
    }

    [Fact]
    public void Set_and_remove_alias()
    {
        _route.SetAlias(7, "ab");
        Expect("1000 0500", "00 00 0000 07000000 00000000 00000000  0600 1400 6162 0000");
        _route.SetAlias(7, "");
        Expect("1000 0500", "00 00 0000 07000000 00000000 00000000  0400 1400");
    }

    [Fact]
    public void Disable_ipv6_address_generation()
    {
        _route.SetIPv6AddrGenModeNone(7);
        Expect("1000 0500", "00 00 0000 07000000 00000000 00000000  1000 1a00  0c00 0a00  0500 0800 01 000000");
    }

    [Fact]
    public void Add_address()
    {
        _route.AddAddress(7, IPAddress.Parse("10.244.1.7"), 32);
        Expect("1400 0506", "02 20 00 00 07000000  0800 0200 0af40107  0800 0100 0af40107");
        _route.AddAddress(7, IPAddress.Parse("fd00::7"), 64, replace: true);
        // IFA_FLAGS: no duplicate detection.
        Expect("1400 0505",
            "0a 40 00 00 07000000  1400 0200 fd000000000000000000000000000007  "
                + "1400 0100 fd000000000000000000000000000007  0800 0800 02000000");
    }

    [Fact]
    public void Add_route_on_the_link()
    {
        _route.AddRoute(new Route { Destination = IPNetwork.Parse("169.254.1.1/32"), InterfaceIndex = 7 });
        Expect("1800 0506", "02 20 00 00 fe 04 fd 01 00000000  0800 0100 a9fe0101  0800 0400 07000000  0800 0f00 fe000000");
    }

    [Fact]
    public void Add_default_route_through_an_onlink_gateway()
    {
        _route.AddRoute(new Route
        {
            Destination = IPNetwork.Parse("0.0.0.0/0"),
            Gateway = IPAddress.Parse("169.254.1.1"),
            InterfaceIndex = 7,
            OnLink = true,
            Metric = 5,
            Mtu = 1400,
        }, replace: true);
        Expect("1800 0505",
            "02 00 00 00 fe 04 00 01 04000000  0800 0500 a9fe0101  0800 0400 07000000  0800 0600 05000000  "
                + "0800 0f00 fe000000  0c00 0800 0800 0200 78050000");
    }

    [Fact]
    public void Delete_route_matches_any_scope_and_a_large_table()
    {
        _route.DeleteRoute(new Route { Destination = IPNetwork.Parse("10.0.0.0/8"), Table = 1000 });
        Expect("1900 0500", "02 08 00 00 fc 00 ff 00 00000000  0800 0100 0a000000  0800 0f00 e8030000");
    }

    [Fact]
    public void Link_is_read()
    {
        Answer(16, """
            00 00 0100 02000000 43100100 00000000
            0900 0300 65746830 00 000000
            0800 0400 dc050000
            0800 0500 09000000
            0800 2500 03000000
            0a00 0100 02acc0000001 0000
            0600 1400 6162 0000
            1000 1280  0900 0100 76657468 00 000000
            1000 3480  0a00 3500 616c743000 00 0000
            0800 ff3f 00000000
            """);
        var link = Assert.Single(_route.GetLinks());
        Assert.Equivalent(new LinkInfo
        {
            Index = 2,
            Name = "eth0",
            Mac = MacAddress.Parse("02:ac:c0:00:00:01"),
            Mtu = 1500,
            IsUp = true,
            IsRunning = true,
            HasCarrier = true,
            Kind = "veth",
            PeerIndex = 9,
            PeerNamespaceId = 3,
            Alias = "ab",
            AlternativeNames = ["alt0"],
        }, link, strict: true);
    }

    [Fact]
    public void Point_to_point_address_is_read()
    {
        Answer(20, "02 20 80 00 05000000  0800 0100 0a000002  0800 0200 0a000001  0800 0800 80020000");
        var address = Assert.Single(_route.GetAddresses());
        Assert.Equal(new InterfaceAddress
        {
            InterfaceIndex = 5,
            Address = IPAddress.Parse("10.0.0.1"),
            PrefixLength = 32,
            NoPrefixRoute = true,
        }, address);
    }

    [Fact]
    public void Route_is_read_and_host_bits_are_cleared()
    {
        Answer(24,
            "02 0c 00 00 fe 02 00 01 04000000  0800 0100 0affffff  0800 0500 a9fe0101  0800 0400 05000000  0800 0600 07000000  "
                + "0800 0f00 fe000000  0c00 0800 0800 0200 78050000");
        var route = Assert.Single(_route.GetRoutes());
        Assert.Equal(new Route
        {
            Destination = IPNetwork.Parse("10.240.0.0/12"),
            Gateway = IPAddress.Parse("169.254.1.1"),
            InterfaceIndex = 5,
            Metric = 7,
            Scope = RouteScope.Universe,
            OnLink = true,
            Protocol = 2,
            Mtu = 1400,
        }, route);
    }

    [Theory]
    [InlineData(16, "00 00 0100 02000000 00000000 00000000")]
    [InlineData(16, "00 00 0100 00000000 00000000 00000000 0900 0300 65746830 00 000000")]
    [InlineData(16, "00 00 0100 02000000 00000000 00000000 0900 0300 65746830 00 000000 0600 0400 dc05 0000")]
    [InlineData(16, "00 00 0100 02000000 00000000 00000000 0900 0300 65746830 00 000000 0300 0400")]
    [InlineData(16, "00 00 0100 02000000 00000000 00000000 0900 0300 65746830 00 000000 0c00 0400 dc050000")]
    [InlineData(16, "00 00 0100 02000000 00000000 00000000 0900 0300 65746830 00 000000 0800 1200 09000100")]
    [InlineData(20, "02 21 00 00 05000000 0800 0100 0a000002")]
    [InlineData(20, "02 20 00 00 05000000 0600 0100 0a00 0000")]
    [InlineData(20, "0a 20 00 00 05000000 0800 0100 0a000002")]
    [InlineData(20, "02 20 00 00 05000000")]
    [InlineData(24, "02 21 00 00 fe 02 00 01 00000000 0800 0100 0a000000")]
    [InlineData(24, "02 08 00 00 fe 02 00 01 00000000")]
    [InlineData(24, "02 00 00 00 fe 02 00 01 00000000 0500 1200 0a 000000")]
    [InlineData(24, "02 00 00 00 fe 02 00 01 00000000 0600 1200 0a00 0000")]
    [InlineData(28, "02 00 0000 05000000 0200 00 01")]
    [InlineData(28, "02 00 0000 05000000 0200 00 01 0600 0100 0a00 0000")]
    [InlineData(28, "02 00 0000 00000000 0200 00 01 0800 0100 0a000002")]
    [InlineData(28, "0a 00 0000 05000000 0200 00 01 0800 0100 0a000002")]
    [InlineData(28, "02 00 0000 05000000 0200 00 01 0800 0100 0a000002 0800 0300 00000000")]
    [InlineData(28, "02 00 0000 05000000 0200 00 01 0800 0100 0a000002 0600 0f00 0100 0000")]
    [InlineData(28, "02 00 0000 05000000")]
    public void Malformed_objects_are_errors(int type, string payload)
    {
        Answer(type, payload);
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => List(type)).Errno);
    }

    private void List(int type)
    {
        _ = type switch
        {
            16 => _route.GetLinks().Count,
            20 => _route.GetAddresses().Count,
            28 => _route.GetNeighbors().Count,
            _ => _route.GetRoutes().Count,
        };
    }

    private void Answer(int type, string payload)
    {
        var answered = false;
        _kernel.OnRequest = (_, sequence) =>
        {
            if (!answered)
            {
                _kernel.Answer(Bytes.Message(type, 2, sequence, ScriptedKernel.Port, Bytes.Hex(payload)));
            }

            answered = true;
            _kernel.Done(sequence);
        };
    }

    private void Expect(string typeAndFlags, string payload)
    {
        var request = _kernel.Requests[^1];
        Assert.Equal(Bytes.Hex(typeAndFlags), request[4..8]);
        Assert.Equal(request.Length, BitConverter.ToInt32(request));
        Assert.Equal(Convert.ToHexStringLower(Bytes.Hex(payload)), Convert.ToHexStringLower(request.AsSpan(16)));
    }
}
