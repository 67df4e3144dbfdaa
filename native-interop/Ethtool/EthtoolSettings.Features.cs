using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Ethtool;

/// <content>Features by name: bit numbers differ between kernels, so the names are read from the kernel once.</content>
public static unsafe partial class EthtoolSettings
{
    private const nuint SIOCETHTOOL = 0x8946;
    private const uint ETHTOOL_GSTRINGS = 0x1b;
    private const uint ETHTOOL_GSSET_INFO = 0x37;
    private const uint ETHTOOL_GFEATURES = 0x3a;
    private const uint ETHTOOL_SFEATURES = 0x3b;
    private const uint ETH_SS_FEATURES = 4;
    private const int ETH_GSTRING_LEN = 32;
    private const int MaxFeatures = 1024;

    private static string[]? _featureNames;

    private static void Disable(FileDescriptor socket, string name)
    {
        var names = FeatureNames(socket, name);
        var blocks = (names.Length + 31) / 32;
        // struct ethtool_sfeatures: cmd, size, then { valid, requested } for each 32 features.
        var request = stackalloc uint[2 + (2 * blocks)];
        new Span<uint>(request, 2 + (2 * blocks)).Clear();
        request[0] = ETHTOOL_SFEATURES;
        request[1] = (uint)blocks;
        for (var bit = 0; bit < names.Length; bit++)
        {
            if (IsOffload(names[bit]))
            {
                request[2 + (2 * (bit / 32))] |= 1u << (bit % 32);
            }
        }
        // A positive result means that a feature is fixed or only requested, which we can't change.
        if (Call(socket, name, request) < 0)
        {
            throw LinuxException.FromLastError($"disable offloads of {name}");
        }
    }

    // By pattern, because newer kernels add segmentation features.
    private static bool IsOffload(string feature) =>
        (feature.StartsWith("tx-", StringComparison.Ordinal)
            && (feature.StartsWith("tx-checksum-", StringComparison.Ordinal) || feature.StartsWith("tx-gso-", StringComparison.Ordinal)
                || feature.EndsWith("-segmentation", StringComparison.Ordinal)))
        || feature.StartsWith("rx-gro", StringComparison.Ordinal) || feature is "rx-lro" or "rx-udp-gro-forwarding";

    private static List<string> Active(string name)
    {
        using var socket = OpenSocket();
        var names = FeatureNames(socket, name);
        var blocks = (names.Length + 31) / 32;
        // struct ethtool_gfeatures: cmd, size, then { available, requested, active, never_changed } for each 32 features.
        var request = stackalloc uint[2 + (4 * blocks)];
        new Span<uint>(request, 2 + (4 * blocks)).Clear();
        request[0] = ETHTOOL_GFEATURES;
        request[1] = (uint)blocks;
        if (Call(socket, name, request) < 0)
        {
            throw LinuxException.FromLastError($"read offloads of {name}");
        }

        var active = new List<string>();
        for (var bit = 0; bit < names.Length; bit++)
        {
            if ((request[2 + (4 * (bit / 32)) + 2] & (1u << (bit % 32))) != 0)
            {
                active.Add(names[bit]);
            }
        }
        return active;
    }

    private static string[] FeatureNames(FileDescriptor socket, string name)
    {
        if (_featureNames is { } known)
        {
            return known;
        }
        // struct ethtool_sset_info: cmd, reserved, 64-bit mask, one length.
        var info = stackalloc uint[6];
        new Span<uint>(info, 6).Clear();
        info[0] = ETHTOOL_GSSET_INFO;
        info[2] = 1u << (int)ETH_SS_FEATURES;
        if (Call(socket, name, info) < 0)
        {
            throw LinuxException.FromLastError($"read offloads of {name}");
        }

        var count = (int)Math.Min(info[4], MaxFeatures);
        // struct ethtool_gstrings: cmd, set, length, then 32 bytes a name.
        var buffer = (byte*)NativeMemory.AllocZeroed((nuint)(12 + (count * ETH_GSTRING_LEN)));
        try
        {
            var header = (uint*)buffer;
            header[0] = ETHTOOL_GSTRINGS;
            header[1] = ETH_SS_FEATURES;
            header[2] = (uint)count;
            if (Call(socket, name, buffer) < 0)
            {
                throw LinuxException.FromLastError($"read the names of offloads of {name}");
            }

            var names = new string[count];
            for (var i = 0; i < count; i++)
            {
                var text = new ReadOnlySpan<byte>(buffer + 12 + (i * ETH_GSTRING_LEN), ETH_GSTRING_LEN);
                var end = text.IndexOf((byte)0);
                names[i] = Encoding.ASCII.GetString(end < 0 ? text : text[..end]);
            }
            return _featureNames = names;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    private static FileDescriptor OpenSocket()
    {
        var socket = Libc.Socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
        return socket.IsInvalid ? throw LinuxException.FromLastError("open a socket for ethtool") : socket;
    }

    private static int Call(FileDescriptor socket, string name, void* data)
    {
        Libc.InterfaceRequest request = default;
        InterfaceName.Write(name, new Span<byte>(request.Name, 16));
        request.Data = data;
        return Libc.Ioctl(socket, SIOCETHTOOL, &request);
    }
}
