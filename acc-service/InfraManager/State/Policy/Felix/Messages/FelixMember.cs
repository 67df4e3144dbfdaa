using System.Globalization;
using System.Text;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>A member of an IP set.</summary>
/// <param name="Net">The address or block.</param>
/// <param name="Protocol">The IP protocol number of a named port; 0 for members without a port.</param>
/// <param name="Port">The port, in host byte order.</param>
internal readonly record struct FelixMember(PolicyNet Net, byte Protocol, ushort Port)
{
    // The longest is an IPv6 address of 45 characters, a comma, "udplite:65535".
    private const int MaxLength = 64;

    public bool HasPort => Protocol != 0;

    /// <summary>
    /// Reads "192.0.2.1", "192.0.2.0/24", or "192.0.2.1,tcp:80" (also "2001:db8::1,tcp:80", without brackets). Bits after the prefix are
    /// cleared. A delta has no type, so the form tells.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out FelixMember member)
    {
        member = default;
        if (utf8.Length > MaxLength)
        {
            return false;
        }

        Span<char> chars = stackalloc char[MaxLength];
        ReadOnlySpan<char> text = chars[..Encoding.Latin1.GetChars(utf8, chars)];
        var comma = text.IndexOf(',');
        if (comma < 0)
        {
            return TryParseNet(text, out var net) && Set(out member, new FelixMember(net, 0, 0));
        }

        var port = text[(comma + 1)..];
        var colon = port.IndexOf(':');
        return colon > 0
            && IpText.TryParse(text[..comma], out var address)
            && FelixProtocol.NumberOf(port[..colon]) is { } protocol and not 0
            && ushort.TryParse(port[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && Set(out member, new FelixMember(PolicyNet.Host(PolicyAddress.Of(address)), protocol, number));
    }

    /// <summary>Reads an address, or a block in CIDR notation; bits after the prefix are cleared.</summary>
    public static bool TryParseNet(ReadOnlySpan<char> text, out PolicyNet net)
    {
        net = default;
        if (IpText.TryParseCidr(text, out var first, out var length))
        {
            var isIpv4 = first.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork;
            net = PolicyNet.Around(PolicyAddress.Of(first), length + (isIpv4 ? PolicyAddress.MappedLength : 0));
            return true;
        }

        if (!IpText.TryParse(text, out var address))
        {
            return false;
        }

        net = PolicyNet.Host(PolicyAddress.Of(address));
        return true;
    }

    private static bool Set(out FelixMember member, FelixMember value)
    {
        member = value;
        return true;
    }
}
