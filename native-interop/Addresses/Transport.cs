using System.Globalization;
using System.Net.Sockets;

namespace ACCOffload.NativeInterop.Addresses;

/// <summary>The transport protocols of services and host ports.</summary>
public static class Transport
{
    /// <summary>SCTP's IP protocol number (IANA), which System.Net does not define.</summary>
    public const ProtocolType Sctp = (ProtocolType)132;

    /// <summary>Whether it is TCP, UDP or SCTP.</summary>
    public static bool IsKnown(ProtocolType protocol) => protocol is ProtocolType.Tcp or ProtocolType.Udp or Sctp;

    /// <summary>The protocol with this name, in upper or lower case; null for any other text.</summary>
    public static ProtocolType? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToUpperInvariant() switch
        {
            "TCP" => ProtocolType.Tcp,
            "UDP" => ProtocolType.Udp,
            "SCTP" => Sctp,
            _ => null,
        };
    }

    /// <summary>The name in upper case; the number of any other protocol.</summary>
    public static string NameOf(ProtocolType protocol) => protocol switch
    {
        ProtocolType.Tcp => "TCP",
        ProtocolType.Udp => "UDP",
        Sctp => "SCTP",
        _ => ((int)protocol).ToString(CultureInfo.InvariantCulture),
    };
}
