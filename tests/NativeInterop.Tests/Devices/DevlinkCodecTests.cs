using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Requests and answers byte by byte, following linux/genetlink.h and linux/devlink.h.</summary>
public sealed class DevlinkCodecTests : IDisposable
{
    // DEVLINK_ATTR_BUS_NAME "pci", DEVLINK_ATTR_DEV_NAME "0000:01:00.0"
    private const string Handle = "0800 0100 70636900  1100 0200 303030303a30313a30302e3000 000000";

    private static readonly DevlinkHandle Device = DevlinkHandle.Pci("0000:01:00.0");

    private readonly ScriptedSockets _sockets = new();
    private readonly DevlinkClient _devlink;
    private string? _answer;

    public DevlinkCodecTests()
    {
        _devlink = _sockets.Open((kernel, sequence) =>
        {
            var dump = (kernel.Requests[^1][7] & 3) == 3;
            if (_answer is not null)
            {
                kernel.Answer(Bytes.Message(ScriptedSockets.Family, dump ? 2 : 0, sequence, ScriptedKernel.Port, Bytes.Hex(_answer)));
            }

            if (dump)
            {
                kernel.Done(sequence);
            }
            else
            {
                kernel.Acknowledge(sequence);
            }
        });
    }

    public void Dispose() => _devlink.Dispose();

    [Fact]
    public void Find_the_family()
    {
        var request = _sockets.Kernel.Requests[0];
        // GENL_ID_CTRL; REQUEST|ACK; CTRL_CMD_GETFAMILY, version 2; CTRL_ATTR_FAMILY_NAME
        Assert.Equal("10000500", Convert.ToHexStringLower(request.AsSpan(4, 4)));
        Assert.Equal(Plain("03 02 0000  0c00 0200 6465766c696e6b00"), Convert.ToHexStringLower(request.AsSpan(16)));
    }

    [Fact]
    public void Create_a_subfunction()
    {
        _answer = $"""
            07 01 0000
            {Handle}
            0800 0300 00800000
            0600 4d00 0700 0000
            0800 9600 00000000
            0600 7f00 0200 0000
            0800 a400 58000000
            0500 9500 00 000000
            2000 9180
              0a00 0100 000000000000 0000
              0500 0200 00 000000
              0500 0300 00 000000
            """;
        var port = _devlink.CreateSubfunction(new SubfunctionSpec { Device = Device, PfNumber = 2, SfNumber = 88, Controller = 1 });
        // devlink; REQUEST|ACK
        Expect("1500 0500", $"""
            07 01 0000           DEVLINK_CMD_PORT_NEW, version 1
            {Handle}
            0600 4d00 0700 0000  DEVLINK_ATTR_PORT_FLAVOUR: u16 PCI_SF
            0600 7f00 0200 0000  DEVLINK_ATTR_PORT_PCI_PF_NUMBER: u16
            0800 a400 58000000   DEVLINK_ATTR_PORT_PCI_SF_NUMBER: u32
            0800 9600 01000000   DEVLINK_ATTR_PORT_CONTROLLER_NUMBER: u32
            """);
        Assert.Equal(new DevlinkPort
        {
            Device = Device,
            Index = 0x8000,
            Flavour = DevlinkPortFlavour.PciSf,
            PfNumber = 2,
            SfNumber = 88,
            Controller = 0,
            FunctionMac = default(MacAddress),
            FunctionActive = false,
            FunctionAttached = false,
        }, port);
    }

    [Fact]
    public void Create_a_subfunction_whose_number_the_driver_chooses()
    {
        Assert.Equal(Errno.EBADMSG,
            Assert.Throws<NetlinkException>(() => _devlink.CreateSubfunction(new SubfunctionSpec { Device = Device, PfNumber = 0 })).Errno);
        Expect("1500 0500", $"07 01 0000  {Handle}  0600 4d00 0700 0000  0600 7f00 0000 0000");
    }

    [Fact]
    public void Set_the_address_and_the_state_of_a_function()
    {
        _devlink.SetFunction(Device, 0x8000, new FunctionChange { Mac = MacAddress.Parse("02:ac:c0:00:00:07"), Active = true });
        Expect("1500 0500", $"""
            06 01 0000                     DEVLINK_CMD_PORT_SET
            {Handle}
            0800 0300 00800000             DEVLINK_ATTR_PORT_INDEX: u32
            1800 9180                      DEVLINK_ATTR_PORT_FUNCTION with NLA_F_NESTED, which the kernel insists on
              0a00 0100 02acc0000007 0000  DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR
              0500 0200 01 000000          DEVLINK_PORT_FN_ATTR_STATE: u8 ACTIVE
            """);
        _devlink.SetFunction(Device, 1, new FunctionChange { Active = false });
        Expect("1500 0500", $"06 01 0000  {Handle}  0800 0300 01000000  0c00 9180  0500 0200 00 000000");
        Assert.Throws<ArgumentException>(() => _devlink.SetFunction(Device, 1, new FunctionChange()));
    }

    [Fact]
    public void Delete_a_port()
    {
        Assert.True(_devlink.DeletePort(Device, 0x8001));
        // DEVLINK_CMD_PORT_DEL
        Expect("1500 0500", $"08 01 0000  {Handle}  0800 0300 01800000");
    }

    [Fact]
    public void Set_the_switch_mode()
    {
        _devlink.SetEswitchMode(Device, DevlinkEswitchMode.Switchdev);
        // DEVLINK_CMD_ESWITCH_SET; DEVLINK_ATTR_ESWITCH_MODE: u16
        Expect("1500 0500", $"1e 01 0000  {Handle}  0600 1900 0100 0000");
    }

    [Fact]
    public void Lists()
    {
        _answer = $"03 01 0000  {Handle}  0500 8900 00 000000";
        Assert.Equal([Device], _devlink.GetDevices());
        // REQUEST|DUMP
        Expect("1500 0103", "01 01 0000");
        // A physical port: DEVLINK_ATTR_PORT_TYPE ETH, NETDEV_IFINDEX, NETDEV_NAME, FLAVOUR PHYSICAL, NUMBER, LANES, SPLITTABLE.
        _answer = $"""
            07 01 0000  {Handle}
            0800 0300 ffff0000
            0600 0400 0200 0000
            0800 0600 09000000
            0d00 0700 656e7031733066 3000 000000
            0600 4d00 0000 0000
            0800 4e00 01000000
            0800 9300 04000000
            0500 9400 00 000000
            """;
        var port = Assert.Single(_devlink.GetPorts());
        Expect("1500 0103", "05 01 0000");
        Assert.Equal(new DevlinkPort
        {
            Device = Device,
            Index = 0xFFFF,
            Flavour = DevlinkPortFlavour.Physical,
            Type = DevlinkPortType.Ethernet,
            NetdevName = "enp1s0f0",
            NetdevIndex = 9,
            PhysicalNumber = 1,
        }, port);
        Assert.Empty(_devlink.GetPorts(DevlinkHandle.Pci("0000:02:00.0")));
    }

    [Fact]
    public void A_representor_of_a_virtual_function_on_another_host_is_read()
    {
        _answer = $"""
            07 01 0000  {Handle}
            0800 0300 02000000
            0600 0400 0200 0000
            0600 4d00 0400 0000
            0800 9600 01000000
            0600 7f00 0000 0000
            0600 8000 0300 0000
            0500 9500 01 000000
            1000 9180  0a00 0100 02acc0000007 0000
            """;
        Assert.Equal(new DevlinkPort
        {
            Device = Device,
            Index = 2,
            Flavour = DevlinkPortFlavour.PciVf,
            Type = DevlinkPortType.Ethernet,
            PfNumber = 0,
            VfNumber = 3,
            Controller = 1,
            External = true,
            FunctionMac = MacAddress.Parse("02:ac:c0:00:00:07"),
        }, _devlink.GetPort(Device, 2));
        // DEVLINK_CMD_PORT_GET
        Expect("1500 0500", $"05 01 0000  {Handle}  0800 0300 02000000");
    }

    [Fact]
    public void The_switch_is_read()
    {
        _answer = $"1d 01 0000  {Handle}  0600 1900 0100 0000  0500 1a00 02 000000  0500 3e00 01 000000";
        Assert.Equal(new DevlinkEswitch(DevlinkEswitchMode.Switchdev, 2, true), _devlink.GetEswitch(Device));
        Expect("1500 0500", $"1d 01 0000  {Handle}");
        _answer = $"1d 01 0000  {Handle}";
        Assert.Equal(new DevlinkEswitch(DevlinkEswitchMode.Legacy, null, null), _devlink.GetEswitch(Device));
    }

    [Theory]
    [InlineData("07 01 00")]
    [InlineData("07 01 0000")]
    [InlineData("07 01 0000  0800 0100 70636900  0800 0300 01000000")]
    [InlineData("07 01 0000  0800 0100 70636900  0500 0200 00 000000  0800 0300 01000000")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000  0600 0300 0100 0000")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000  0800 0300 01000000  0800 4d00 07000000")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000  0800 0300 01000000  0800 9180 0800 0100")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000  0800 0300 01000000  0c00 9180 0600 0200 0100 0000")]
    [InlineData("07 01 0000  0800 0100 70636900  0600 0200 6100 0000  0800 0300 01000000  0300")]
    public void Malformed_ports_are_errors(string payload)
    {
        _answer = payload;
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _devlink.GetPorts()).Errno);
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _devlink.GetPort(Device, 1)).Errno);
    }

    // The text after the bytes of a line, separated by two spaces, is a comment.
    private static string Plain(string commented) => string.Concat(commented.Split('\n')
        .Select(line => string.Concat(line.Split(' ').TakeWhile(word => word.All(char.IsAsciiHexDigit) && word.Length % 2 == 0))));

    private void Expect(string typeAndFlags, string payload)
    {
        var request = _sockets.Kernel.Requests[^1];
        Assert.Equal(Plain(typeAndFlags), Convert.ToHexStringLower(request.AsSpan(4, 4)));
        Assert.Equal(request.Length, BitConverter.ToInt32(request));
        Assert.Equal(Plain(payload), Convert.ToHexStringLower(request.AsSpan(16)));
    }
}
