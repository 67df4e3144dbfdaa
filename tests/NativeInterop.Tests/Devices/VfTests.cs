using ACCOffload.Fakes;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>Virtual functions and representors through rtnetlink; the messages are written down from linux/if_link.h.</summary>
public sealed class VfTests
{
    [Fact]
    public void Set_everything_of_a_virtual_function()
    {
        using var kernel = new FakeKernel();
        using var route = new RouteNetlink(new NetlinkConnection(kernel, kernel.Time));
        kernel.OnRequest = (_, sequence) => kernel.Acknowledge(sequence);
        route.SetVf(7, 3, new VfChange
        {
            Mac = MacAddress.Parse("02:00:00:00:00:07"),
            Vlan = 100,
            Qos = 5,
            MinRate = 10,
            MaxRate = 1000,
            SpoofCheck = false,
            LinkState = VfLinkState.Enable,
            Trust = true,
        });
        // RTM_NEWLINK without CREATE; REQUEST|ACK
        Assert.Equal("10000500", Convert.ToHexStringLower(kernel.Requests[^1].AsSpan(4, 4)));
        Assert.Equal(Bytes.Hex("""
            00 00 0000 07000000 00000000 00000000
            7400 1600
              7000 0100
                2800 0100 03000000 020000000007 0000000000000000000000000000000000000000000000000000
                1000 0200 03000000 64000000 05000000
                1000 0600 03000000 0a000000 e8030000
                0c00 0400 03000000 00000000
                0c00 0500 03000000 01000000
                0c00 0900 03000000 01000000
            """), kernel.Requests[^1][16..]);
    }

    [Fact]
    public void Virtual_functions_are_read()
    {
        using var kernel = new FakeKernel();
        using var route = new RouteNetlink(new NetlinkConnection(kernel, kernel.Time));
        kernel.OnRequest = (_, sequence) =>
        {
            // IFLA_NUM_VF, IFLA_VFINFO_LIST { VF_INFO { VF_MAC, VF_BROADCAST, VF_VLAN, VF_VLAN_LIST, VF_TX_RATE, VF_RATE, VF_SPOOFCHK, VF_LINK_STATE, VF_RSS_QUERY_EN -1, VF_TRUST -1 } }
            kernel.Answer(Bytes.Message(16, 0, sequence, FakeKernel.Port, Bytes.Hex("""
                00 00 0100 07000000 43100100 00000000
                0900 0300 65746830 00 000000
                0800 1500 01000000
                c800 1600
                  c400 0100
                    2800 0100 03000000 020000000007 0000000000000000000000000000000000000000000000000000
                    2400 0d00 ffffffffffff 0000000000000000000000000000000000000000000000000000
                    1000 0200 03000000 64000000 05000000
                    1800 0c80  1400 0100 03000000 64000000 05000000 8100 0000
                    0c00 0300 03000000 e8030000
                    1000 0600 03000000 0a000000 e8030000
                    0c00 0400 03000000 01000000
                    0c00 0500 03000000 02000000
                    0c00 0700 03000000 ffffffff
                    0c00 0900 03000000 ffffffff
                """)));
            kernel.Acknowledge(sequence);
        };
        Assert.Equal(new VfInfo
        {
            Number = 3,
            Mac = MacAddress.Parse("02:00:00:00:00:07"),
            Vlan = 100,
            Qos = 5,
            MinRate = 10,
            MaxRate = 1000,
            SpoofCheck = true,
            Trust = null,
            LinkState = VfLinkState.Disable,
        }, Assert.Single(route.GetVfs(7)));
        // RTM_GETLINK; IFLA_EXT_MASK: RTEXT_FILTER_VF|RTEXT_FILTER_SKIP_STATS
        Assert.Equal(Bytes.Hex("1200 0500"), kernel.Requests[^1][4..8]);
        Assert.Equal(Bytes.Hex("00 00 0000 07000000 00000000 00000000  0800 1d00 09000000"), kernel.Requests[^1][16..]);
    }

    [Fact]
    public void What_is_set_is_read_back()
    {
        using var host = new FakeHost();
        using var route = host.OpenRoute();
        var pf = host.AddPci("0000:01:00.0", totalVfs: 256, netdev: "enp1s0");
        var index = route.GetLink("enp1s0")!.Index;
        Assert.Empty(route.GetVfs(index));
        host.Pci.SetVfCount(pf.Address, 256);
        var change = new VfChange { Mac = MacAddress.Parse("02:00:00:00:00:07"), Vlan = 100, Trust = true, SpoofCheck = false, MinRate = 10, MaxRate = 1000, LinkState = VfLinkState.Enable };
        route.SetVf(index, 200, change);
        route.SetVf(index, 200, new VfChange { MaxRate = 500 });
        route.SetVf(index, 201, new VfChange());
        var all = route.GetVfs(index);
        Assert.Equal(256, all.Count);
        Assert.Equal(new VfInfo { Number = 200, Mac = change.Mac.Value, Vlan = 100, Trust = true, SpoofCheck = false, MinRate = 10, MaxRate = 500, LinkState = VfLinkState.Enable }, all[200]);
        Assert.Equal(new VfInfo { Number = 201, SpoofCheck = true, Trust = false, LinkState = VfLinkState.Auto }, all[201]);
        Assert.Equal("Invalid VF MAC address", Assert.Throws<NetlinkException>(() => route.SetVf(index, 0, new VfChange { Mac = MacAddress.Parse("01:00:00:00:00:07") })).KernelMessage);
        Assert.Equal(Errno.EINVAL, Assert.Throws<NetlinkException>(() => route.SetVf(index, 256, new VfChange { Trust = true })).Errno);
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => route.GetVfs(9999)).Errno);
        Assert.Equal(Errno.EOPNOTSUPP, Assert.Throws<NetlinkException>(() => route.SetVf(route.GetLink("enp1s0v0")!.Index, 0, new VfChange { Trust = true })).Errno);
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { Vlan = 4096 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { Qos = 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { MinRate = -1 }));
    }

    [Fact]
    public void What_links_tell_of_hardware_is_read()
    {
        using var host = new FakeHost();
        using var route = host.OpenRoute();
        var pf = host.AddPci("0000:01:00.0", totalVfs: 1, netdev: "enp1s0");
        var link = route.GetLink("enp1s0")!;
        Assert.Equal(("pci", "0000:01:00.0", pf.Mac), (link.ParentBus, link.ParentDevice, link.PermanentMac!.Value));
        host.Links.Describe(link.Index, l =>
        {
            (l.PhysPortName, l.PhysSwitchId) = ("p0", [0xAC, 0xC0]);
            l.AlternativeNames.Add("uplink");
        });
        link = route.GetLink(link.Index)!;
        Assert.Equal(("p0", "acc0"), (link.PhysPortName, link.PhysSwitchId));
        Assert.Equal(["uplink"], link.AlternativeNames);
    }

    [Fact]
    public void Representors_are_found_by_their_ports_and_switches()
    {
        using var host = new FakeHost();
        using var route = host.OpenRoute();
        var a = host.AddDevlink(host.AddPci("0000:01:00.0", netdev: "enp1s0"));
        var b = host.AddDevlink(host.AddPci("0000:02:00.0", netdev: "enp2s0"));
        a.Add(DevlinkPortFlavour.PciVf, vfNumber: 3);
        a.Add(DevlinkPortFlavour.PciSf, sfNumber: 7);
        a.Add(DevlinkPortFlavour.PciVf, vfNumber: 3, controller: 1);
        Assert.Equal("r0pf0vf3", route.FindRepresentor(Representor.VirtualFunction(0, 3))!.Name);
        Assert.Equal("r0pf0sf7", route.FindRepresentor(Representor.Subfunction(0, 7, controller: 0))!.Name);
        Assert.Equal("c1pf0vf3", route.FindRepresentor(Representor.VirtualFunction(0, 3, controller: 1))!.PhysPortName);
        Assert.Null(route.FindRepresentor(Representor.VirtualFunction(1, 3)));
        b.Add(DevlinkPortFlavour.PciVf, vfNumber: 3);
        var error = Assert.Throws<NetlinkException>(() => route.FindRepresentor("pf0vf3"));
        Assert.Equal(Errno.EEXIST, error.Errno);
        Assert.Contains("r1pf0vf3", error.Message, StringComparison.Ordinal);
        Assert.Equal("r1pf0vf3", route.FindRepresentor("pf0vf3", "ac01")!.Name);
    }
}
