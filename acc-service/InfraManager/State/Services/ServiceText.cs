using System.Net.Sockets;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>Services in words.</summary>
internal static class ServiceText
{
    /// <summary>SCTP's number (IANA); System.Net has no name for it.</summary>
    public const ProtocolType Sctp = (ProtocolType)132;

    public static string Protocol(ProtocolType protocol) => protocol switch
    {
        ProtocolType.Tcp => "TCP",
        ProtocolType.Udp => "UDP",
        Sctp => "SCTP",
        _ => ((int)protocol).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
