namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Numbers of linux/devlink.h.</summary>
internal static class DevlinkProtocol
{
    public const string Family = "devlink";
    public const string ConfigGroup = "config";
    public const byte Version = 1;

    public const byte Get = 1;
    public const byte New = 3;
    public const byte Delete = 4;
    public const byte PortGet = 5;
    public const byte PortSet = 6;
    public const byte PortNew = 7;
    public const byte PortDelete = 8;
    public const byte EswitchGet = 29;
    public const byte EswitchSet = 30;
    public const byte InfoGet = 51;
    public const byte RateGet = 74;
    public const byte RateSet = 75;
    public const byte RateNew = 76;

    public const ushort BusName = 1;
    public const ushort DeviceName = 2;
    public const ushort PortIndex = 3;
    public const ushort PortType = 4;
    public const ushort PortNetdevIndex = 6;
    public const ushort PortNetdevName = 7;
    public const ushort EswitchMode = 25;
    public const ushort EswitchInlineMode = 26;
    public const ushort EswitchEncapsulationMode = 62;
    public const ushort PortFlavour = 77;
    public const ushort PortNumber = 78;
    public const ushort InfoDriverName = 98;
    public const ushort InfoSerialNumber = 99;
    public const ushort InfoVersionFixed = 100;
    public const ushort InfoVersionRunning = 101;
    public const ushort InfoVersionStored = 102;
    public const ushort InfoVersionName = 103;
    public const ushort InfoVersionValue = 104;
    public const ushort PortPfNumber = 127;
    public const ushort PortVfNumber = 128;
    public const ushort PortFunction = 145;
    public const ushort InfoBoardSerialNumber = 146;
    public const ushort PortExternal = 149;
    public const ushort PortController = 150;
    public const ushort PortSfNumber = 164;
    public const ushort RateTxShare = 166;
    public const ushort RateTxMax = 167;

    public const ushort FunctionHardwareAddress = 1;
    public const ushort FunctionState = 2;
    public const ushort FunctionOperationalState = 3;
    public const byte Active = 1;
    public const byte Attached = 1;
}
