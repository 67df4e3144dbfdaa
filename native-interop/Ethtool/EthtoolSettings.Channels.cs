using System.Globalization;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Ethtool;

/// <content>How many queues a link has.</content>
public static unsafe partial class EthtoolSettings
{
    private const uint GetChannels = 0x3c;
    private const uint SetChannels = 0x3d;

    /// <summary>How many pairs of queues a link has now; where it has other numbers of them to receive and to send, the smaller one. In the calling thread's namespace.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or its driver does not tell (EOPNOTSUPP).</exception>
    public static int GetQueues(string interfaceName)
    {
        InterfaceName.Checked(interfaceName);
        using var socket = OpenSocket();
        return QueuesOf(Read(socket, interfaceName));
    }

    /// <summary>Gives a link this many pairs of queues, unless it has them. In the calling thread's namespace.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV), its driver can't (EOPNOTSUPP) or has fewer (EINVAL, which tells how many), or the process may not (EPERM).</exception>
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

        var operation = string.Create(CultureInfo.InvariantCulture, $"give {interfaceName} {count} queues");
        var isCombined = channels.MaxCombined > 0;
        var most = isCombined ? channels.MaxCombined : Math.Min(channels.MaxReceive, channels.MaxSend);
        if (count > most)
        {
            throw new LinuxException(string.Create(CultureInfo.InvariantCulture, $"{operation}, of which it has at most {most}"), Errno.EINVAL);
        }

        channels.Command = SetChannels;
        (channels.Receive, channels.Send, channels.Combined) = isCombined ? (0u, 0u, (uint)count) : ((uint)count, (uint)count, 0u);
        if (Call(socket, interfaceName, &channels) < 0)
        {
            throw LinuxException.FromLastError(operation);
        }
    }

    private static Channels Read(FileDescriptor socket, string name)
    {
        var channels = new Channels { Command = GetChannels };
        return Call(socket, name, &channels) >= 0 ? channels : throw LinuxException.FromLastError($"read the queues of {name}");
    }

    private static int QueuesOf(in Channels channels) => (int)(channels.Combined > 0 ? channels.Combined : Math.Min(channels.Receive, channels.Send));

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
