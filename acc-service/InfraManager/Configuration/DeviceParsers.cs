using System.Globalization;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Parsers for device kinds, interfaces, ports and MAC ranges. Each returns null, or why the text is invalid.</summary>
internal static class DeviceParsers
{
    private const int Bits = 48;

    public static string? Kind(string text, out DeviceKind kind)
    {
        var found = DeviceKinds.Find(text);
        kind = found ?? default;
        return found is null ? "is an unknown device kind" : null;
    }

    public static string? InterfaceKey(string text) => InterfaceName.IsValid(text) ? null : "is not an interface name";

    public static string? Interface(string text, out string name)
    {
        name = text;
        return InterfaceKey(text);
    }

    public static string? OptionalInterface(string text, out string? name)
    {
        name = text.Length == 0 ? null : text;
        return text.Length == 0 || InterfaceName.IsValid(text) ? null : "is not an interface name";
    }

    public static string? OptionalPort(string text, out uint? port)
    {
        port = uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return text.Length == 0 || port is not null ? null : "is not a port number";
    }

    public static string? PortPattern(string text, out string pattern)
    {
        pattern = text;
        return text.Length == 0 ? "is empty" : text.AsSpan()[..^1].Contains('*') ? "has a * that is not at its end" : null;
    }

    public static string? PortName(string text, out string name)
    {
        name = text;
        return InterfaceName.IsValid(text) ? null : "is not a valid port name";
    }

    public static string? MacRange(string text, out MacRange range)
    {
        range = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var length = Bits;
        if (slash >= 0
            && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) || length > Bits))
        {
            return $"has no prefix length from 0 to {Bits} after the '/'";
        }

        if (!MacAddress.TryParse(slash < 0 ? text : text[..slash], out var mac))
        {
            return "is not a MAC address";
        }

        range = new MacRange(mac, length);
        return null;
    }
}
