using System.Text;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>A second, plain implementation of the rules in the docs and protos.</summary>
internal static class PlainRules
{
    public static bool IsText(string? text, int limit, bool mayBeEmpty)
    {
        if (text is null)
        {
            return false;
        }

        if (text == "")
        {
            return mayBeEmpty;
        }

        return Encoding.UTF8.GetBytes(text).Length <= limit && !text.Any(char.IsControl);
    }

    public static bool IsKey(string network, string container, string interfaceName) =>
        IsText(network, 256, false) && IsText(container, 256, false) && IsText(interfaceName, 63, false);

    public static bool IsPort(string name) =>
        name.Length is > 0 and <= 63 && name != "." && name != ".."
            && name.All(c => c is >= 'a' and <= 'z' or >= 'A' and <= 'Z' or >= '0' and <= '9' or '.' or '_' or ':' or '@' or '-');

    public static bool IsMac(byte[] mac) =>
        mac.Length == 6 && mac.Any(b => b != 0) && mac[0] % 2 == 0 && Convert.ToHexString(mac) != "02ACC0000001";

    public static bool IsMtu(uint mtu) => mtu == 0 || (mtu >= 576 && mtu <= 65535);

    public static bool AreAddresses(IReadOnlyList<byte[]> addresses, bool host) =>
        addresses.Count <= 16 && (host || addresses.Count > 0)
            && addresses.Select(Convert.ToHexString).Distinct().Count() == addresses.Count
        && addresses.All(a => a.Length == 4 && (host ? IsHostAddress(a) : IsPodAddress(a)));

    /// <summary>Whether the fields of the host ports can be represented.</summary>
    public static bool AreHostPorts(IReadOnlyCollection<PortMapping> ports) => ports.Count <= 64 && ports.All(p =>
        p.Protocol is 6 or 17 or 132 && p.Port is >= 1 and <= 65535 && p.PodPort is >= 1 and <= 65535
        && p.Address.Length is 0 or 4 or 16);

    /// <summary>Whether a pod can have these host ports together.</summary>
    public static bool FitTogether(IReadOnlyList<HostPort> ports) =>
        ports.Select(p => $"{(int)p.Protocol} {p.Port} {p.Address}").Distinct().Count() == ports.Count
        && ports.All(p => (int)p.Protocol != 132 || p.Port == p.PodPort);

    /// <summary>Whether the host ports conflict if they belong to different pods.</summary>
    public static bool Collide(HostPort one, HostPort other)
    {
        if ((one.Protocol, one.Port) != (other.Protocol, other.Port))
        {
            return false;
        }

        var (a, b) = ($"{one.Address}", $"{other.Address}");
        return a == "" || b == "" || a == b || IsAllOf(a, b) || IsAllOf(b, a);

        static bool IsAllOf(string all, string address) =>
            (all == "0.0.0.0" && !address.Contains(':', StringComparison.Ordinal))
            || (all == "::" && address.Contains(':', StringComparison.Ordinal));
    }

    private static bool IsHostAddress(byte[] a) => Dotted(a) is "200.1.1.2" or "192.0.2.10" or "198.51.100.10";

    private static bool IsPodAddress(byte[] a)
    {
        var inRange = (a[0] == 10 && a[1] == 244 && a[2] == 1 && a[3] < 16) || (a[0] == 200 && a[1] == 1 && a[2] == 1 && a[3] < 8)
            || (a[0] == 192 && a[1] == 0 && a[2] == 2 && a[3] is >= 8 and < 16) || (a[0] == 169 && a[1] == 254 && a[2] == 1 && a[3] < 8);
        return inRange && Dotted(a) is not ("169.254.1.1" or "200.1.1.2" or "192.0.2.10");
    }

    private static string Dotted(byte[] a) => $"{a[0]}.{a[1]}.{a[2]}.{a[3]}";
}
