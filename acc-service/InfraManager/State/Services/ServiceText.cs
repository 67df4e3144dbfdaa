using System.Net.Sockets;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>Text forms of service properties.</summary>
internal static class ServiceText
{
    /// <summary>SCTP's IP protocol number (IANA), which System.Net does not define.</summary>
    public const ProtocolType Sctp = (ProtocolType)132;

    public static string Protocol(ProtocolType protocol) => protocol switch
    {
        ProtocolType.Tcp => "TCP",
        ProtocolType.Udp => "UDP",
        Sctp => "SCTP",
        _ => ((int)protocol).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
