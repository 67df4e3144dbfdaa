using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using ACCOffload.HostStub.Claims;

namespace ACCOffload.HostStub.Devices;

/// <summary>Names of data-plane ends: "acc" and eleven hexadecimal digits of a hash, so that a name follows from the attachment alone.</summary>
internal static class PortName
{
    private const string Prefix = "acc";
    private const int Digits = 11;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    public static string For(AttachmentKey key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Network}\0{key.ContainerId}\0{key.InterfaceName}"), hash);
        return Prefix + Convert.ToHexStringLower(hash)[..Digits];
    }

    public static bool IsOurs(string name) =>
        name.Length == Prefix.Length + Digits && name.StartsWith(Prefix, StringComparison.Ordinal)
        && !name.AsSpan(Prefix.Length).ContainsAnyExcept(HexDigits);

    /// <summary>What an operator sees at the link (`ip link`); the kernel takes 255 bytes.</summary>
    public static string Alias(AttachmentKey key)
    {
        string alias = $"accoffload:{key}";
        return alias.Length <= 255 ? alias : alias[..255];
    }
}
