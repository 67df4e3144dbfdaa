using System.Globalization;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Ethtool;

/// <content>Queue counts.</content>
public static unsafe partial class EthtoolSettings
{
    private const uint ETHTOOL_GCHANNELS = 0x3c;
    private const uint ETHTOOL_SCHANNELS = 0x3d;

    /// <summary>
    /// The number of queue pairs of a link in the calling thread's namespace; the smaller count if receive and send counts differ.
    /// </summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or its driver does not report it (EOPNOTSUPP).</exception>
    public static int GetQueues(string interfaceName)
    {
        InterfaceName.Checked(interfaceName);
        using var socket = OpenSocket();
        return QueuesOf(Read(socket, interfaceName));
    }

    /// <summary>Sets the number of queue pairs of a link in the calling thread's namespace, unless it already has that number.</summary>
    /// <exception cref="LinuxException">
    /// There is no such link (ENODEV), the driver does not support it (EOPNOTSUPP) or has fewer queues (EINVAL, the message has the limit),
    /// or the process lacks the privilege (EPERM).
    /// </exception>
    public static void SetQueues(string interfaceName, int count)
    {
        InterfaceName.Checked(interfaceName);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        using var socket = OpenSocket();
        var channels = Read(socket, interfaceName);
        if (QueuesOf(channels) == count)
        {
            return;
        }

        var operation = string.Create(CultureInfo.InvariantCulture, $"set {count} queues on {interfaceName}");
        var isCombined = channels.MaxCombined > 0;
        var most = isCombined ? channels.MaxCombined : Math.Min(channels.MaxReceive, channels.MaxSend);
        if (count > most)
        {
            throw new LinuxException(string.Create(CultureInfo.InvariantCulture, $"{operation}: the limit is {most}"), Errno.EINVAL);
        }

        channels.Command = ETHTOOL_SCHANNELS;
        (channels.Receive, channels.Send, channels.Combined) = isCombined ? (0u, 0u, (uint)count) : ((uint)count, (uint)count, 0u);
        if (Call(socket, interfaceName, &channels) < 0)
        {
            throw LinuxException.FromLastError(operation);
        }
    }

    private static Channels Read(FileDescriptor socket, string name)
    {
        var channels = new Channels { Command = ETHTOOL_GCHANNELS };
        return Call(socket, name, &channels) >= 0 ? channels : throw LinuxException.FromLastError($"read the queues of {name}");
    }

    private static int QueuesOf(in Channels channels) =>
        (int)(channels.Combined > 0 ? channels.Combined : Math.Min(channels.Receive, channels.Send));

    /// <summary>struct ethtool_channels.</summary>
    private struct Channels
    {
        public uint Command;
        public uint MaxReceive;
        public uint MaxSend;
        public uint MaxOther;
        public uint MaxCombined;
        public uint Receive;
        public uint Send;
        public uint Other;
        public uint Combined;
    }
}
