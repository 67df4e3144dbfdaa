using ACCOffload.NativeInterop.Devlink;

namespace ACCOffload.FakeKernel;

/// <summary>Messages of the devlink family (linux/devlink.h).</summary>
internal static class DevlinkMessages
{
    public const byte New = 3;
    public const byte Delete = 4;
    public const byte PortNew = 7;
    public const byte PortDelete = 8;

    public static byte[] Device(FakeDevlinkDevice device, byte command) => Message(command, Handle(device).U8(137, false));

    public static byte[] Port(FakePort port, byte command)
    {
        var attributes = Handle(port.Device).U32(3, port.Index);
        if (command != PortDelete)
        {
            attributes.U16(4, port.NetdevName is null ? 0 : 2);
            if (port.NetdevName is not null)
            {
                attributes.U32(6, (uint)port.NetdevIndex).Text(7, port.NetdevName);
            }
        }
        attributes.U16(77, (int)port.Flavour);
        if (port.Flavour is DevlinkPortFlavour.PciPf or DevlinkPortFlavour.PciVf or DevlinkPortFlavour.PciSf)
        {
            attributes.U32(150, port.Controller).U16(127, port.PfNumber).U16(128, port.VfNumber).U32(164, port.SfNumber).U8(
                149, port.External);
            var function = new Attributes().Mac(1, port.FunctionMac);
            if (port.SfNumber is not null)
            {
                function.U8(2, port.Active).U8(3, port.Attached);
            }

            attributes.Nest(145, function);
        }
        else
        {
            attributes.U32(78, port.Index);
        }
        return Message(command, attributes);
    }

    public static byte[] Eswitch(FakeDevlinkDevice device) =>
        Message(29, Handle(device).U16(25, (int)device.Mode).U8(26, (byte)0).U8(62, device.Mode == DevlinkEswitchMode.Switchdev));

    public static byte[] Family() =>
        [1, 2, 0, 0, .. new Attributes().Text(2, "devlink").U16(1, FakeHost.DevlinkFamily).U32(3, 1).U32(4, 0).U32(5, 180)
        .Nest(7, new Attributes().Nest(1, new Attributes().U32(2, FakeHost.ConfigGroup).Text(1, "config"))).ToArray()];

    private static Attributes Handle(FakeDevlinkDevice device) => new Attributes().Text(1, device.Handle.Bus).Text(2, device.Handle.Name);

    private static byte[] Message(byte command, Attributes attributes) => [command, 1, 0, 0, .. attributes.ToArray()];
}
