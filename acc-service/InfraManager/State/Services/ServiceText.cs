using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>Text forms of service properties.</summary>
internal static class ServiceText
{
    /// <inheritdoc cref="Transport.Sctp"/>
    public const ProtocolType Sctp = Transport.Sctp;

    public static string Protocol(ProtocolType protocol) => Transport.NameOf(protocol);
}
