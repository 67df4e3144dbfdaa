using ACCOffload.FakeKernel;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Virtual functions through rtnetlink; the messages follow linux/if_link.h.</summary>
public sealed class VfTests
{
    [Fact]
    public void Set_all_properties_of_a_virtual_function()
    {
        using var kernel = new ScriptedKernel();
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
        using var kernel = new ScriptedKernel();
        using var route = new RouteNetlink(new NetlinkConnection(kernel, kernel.Time));
        kernel.OnRequest = (_, sequence) =>
        {
            // IFLA_NUM_VF, IFLA_VFINFO_LIST { VF_INFO { VF_MAC, VF_BROADCAST, VF_VLAN, VF_VLAN_LIST, VF_TX_RATE, VF_RATE, VF_SPOOFCHK,
            // VF_LINK_STATE, VF_RSS_QUERY_EN -1, VF_TRUST -1 } }
            kernel.Answer(Bytes.Message(16, 0, sequence, ScriptedKernel.Port, Bytes.Hex("""
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
    public void Settings_are_read_back()
    {
        using var host = new FakeHost();
        using var route = host.OpenRoute();
        var pf = host.AddPci("0000:01:00.0", totalVfs: 256, netdev: "enp1s0");
        var index = route.GetLink("enp1s0")!.Index;
        Assert.Empty(route.GetVfs(index));
        host.Pci.SetVfCount(pf.Address, 256);
        var change = new VfChange
        {
            Mac = MacAddress.Parse("02:00:00:00:00:07"),
            Vlan = 100,
            Trust = true,
            SpoofCheck = false,
            MinRate = 10,
            MaxRate = 1000,
            LinkState = VfLinkState.Enable,
        };
        route.SetVf(index, 200, change);
        route.SetVf(index, 200, new VfChange { MaxRate = 500 });
        route.SetVf(index, 201, new VfChange());
        var all = route.GetVfs(index);
        Assert.Equal(256, all.Count);
        Assert.Equal(new VfInfo
        {
            Number = 200,
            Mac = change.Mac.Value,
            Vlan = 100,
            Trust = true,
            SpoofCheck = false,
            MinRate = 10,
            MaxRate = 500,
            LinkState = VfLinkState.Enable,
        }, all[200]);
        Assert.Equal(new VfInfo { Number = 201, SpoofCheck = true, Trust = false, LinkState = VfLinkState.Auto }, all[201]);
        Assert.Equal("Invalid VF MAC address", Assert.Throws<NetlinkException>(
            () => route.SetVf(index, 0, new VfChange { Mac = MacAddress.Parse("01:00:00:00:00:07") })).KernelMessage);
        Assert.Equal(Errno.EINVAL, Assert.Throws<NetlinkException>(() => route.SetVf(index, 256, new VfChange { Trust = true })).Errno);
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => route.GetVfs(9999)).Errno);
        Assert.Equal(Errno.EOPNOTSUPP,
            Assert.Throws<NetlinkException>(() => route.SetVf(route.GetLink("enp1s0v0")!.Index, 0, new VfChange { Trust = true })).Errno);
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { Vlan = 4096 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { Qos = 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => route.SetVf(index, 0, new VfChange { MinRate = -1 }));
    }

    [Fact]
    public void Hardware_attributes_of_links_are_read()
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
}
