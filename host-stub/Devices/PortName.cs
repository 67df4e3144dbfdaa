using System.Security.Cryptography;
using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>Names of data-plane ends: "acc" and eleven hexadecimal digits of a hash, derived from the attachment alone.</summary>
internal static class PortName
{
    public static string For(AttachmentKey key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Network}\0{key.ContainerId}\0{key.InterfaceName}"), hash);
        return AgentPortName.Prefix + Convert.ToHexStringLower(hash)[..AgentPortName.Digits];
    }

    /// <summary>The link's alias, which `ip link` shows; the kernel accepts 255 bytes.</summary>
    public static string Alias(AttachmentKey key)
    {
        var alias = $"accoffload:{key}";
        return alias.Length <= 255 ? alias : alias[..255];
    }
}
