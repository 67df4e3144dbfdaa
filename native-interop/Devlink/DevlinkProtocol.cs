namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Constants of linux/devlink.h.</summary>
internal static class DevlinkProtocol
{
    public const string DEVLINK_GENL_NAME = "devlink";
    public const string DEVLINK_GENL_MCGRP_CONFIG_NAME = "config";
    public const byte DEVLINK_GENL_VERSION = 1;

    public const byte DEVLINK_CMD_GET = 1;
    public const byte DEVLINK_CMD_NEW = 3;
    public const byte DEVLINK_CMD_DEL = 4;
    public const byte DEVLINK_CMD_PORT_GET = 5;
    public const byte DEVLINK_CMD_PORT_SET = 6;
    public const byte DEVLINK_CMD_PORT_NEW = 7;
    public const byte DEVLINK_CMD_PORT_DEL = 8;
    public const byte DEVLINK_CMD_ESWITCH_GET = 29;
    public const byte DEVLINK_CMD_ESWITCH_SET = 30;

    public const ushort DEVLINK_ATTR_BUS_NAME = 1;
    public const ushort DEVLINK_ATTR_DEV_NAME = 2;
    public const ushort DEVLINK_ATTR_PORT_INDEX = 3;
    public const ushort DEVLINK_ATTR_PORT_TYPE = 4;
    public const ushort DEVLINK_ATTR_PORT_NETDEV_IFINDEX = 6;
    public const ushort DEVLINK_ATTR_PORT_NETDEV_NAME = 7;
    public const ushort DEVLINK_ATTR_ESWITCH_MODE = 25;
    public const ushort DEVLINK_ATTR_ESWITCH_INLINE_MODE = 26;
    public const ushort DEVLINK_ATTR_ESWITCH_ENCAP_MODE = 62;
    public const ushort DEVLINK_ATTR_PORT_FLAVOUR = 77;
    public const ushort DEVLINK_ATTR_PORT_NUMBER = 78;
    public const ushort DEVLINK_ATTR_PORT_PCI_PF_NUMBER = 127;
    public const ushort DEVLINK_ATTR_PORT_PCI_VF_NUMBER = 128;
    public const ushort DEVLINK_ATTR_PORT_FUNCTION = 145;
    public const ushort DEVLINK_ATTR_PORT_EXTERNAL = 149;
    public const ushort DEVLINK_ATTR_PORT_CONTROLLER_NUMBER = 150;
    public const ushort DEVLINK_ATTR_PORT_PCI_SF_NUMBER = 164;

    public const ushort DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR = 1;
    public const ushort DEVLINK_PORT_FN_ATTR_STATE = 2;
    public const ushort DEVLINK_PORT_FN_ATTR_OPSTATE = 3;
    public const byte DEVLINK_PORT_FN_STATE_ACTIVE = 1;
    public const byte DEVLINK_PORT_FN_OPSTATE_ATTACHED = 1;
}
