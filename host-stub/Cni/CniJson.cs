using System.Net;
using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>Typed access to a JSON element with errors that name the key.</summary>
internal static class CniJson
{
    public const int MaxArray = 4096;

    public static CniException Wrong(string where, string need) =>
        new(CniErrorCode.DecodingFailure, $"{where} is not {need}");

    public static JsonElement? Optional(JsonElement parent, string key)
    {
        if (!parent.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value;
    }

    public static string String(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
            return "";
        if (value.ValueKind != JsonValueKind.String)
            throw Wrong($"{where}{key}", "a string");
        try
        {
            return value.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            throw Wrong($"{where}{key}", "valid text");
        }
    }

    public static int? Int(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int number))
            throw Wrong($"{where}{key}", "an integer");
        return number;
    }

    public static JsonElement? Object(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Object ? value : throw Wrong($"{where}{key}", "an object");
    }

    /// <summary>The elements of an array of objects; none when the key is absent.</summary>
    public static IEnumerable<JsonElement> Objects(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
            yield break;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxArray)
            throw Wrong($"{where}{key}", $"an array of at most {MaxArray} objects");
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw Wrong($"{where}{key}", "an array of objects");
            yield return item;
        }
    }

    public static IReadOnlyList<string> Strings(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
            return [];
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxArray)
            throw Wrong($"{where}{key}", "an array of strings");
        var list = new List<string>();
        foreach (var item in value.EnumerateArray())
            list.Add(item.ValueKind == JsonValueKind.String ? item.GetString() ?? "" : throw Wrong($"{where}{key}", "an array of strings"));
        return list;
    }

    public static IPAddress? Address(JsonElement parent, string key, string where)
    {
        string text = String(parent, key, where);
        if (text.Length == 0)
            return null;
        return IPAddress.TryParse(text, out var address) && address.ScopeIdOf() == 0 ? address : throw Wrong($"{where}{key}", $"an IP address (\"{text}\")");
    }

    /// <summary>An address with a prefix length, host bits kept.</summary>
    public static (IPAddress Address, int PrefixLength) Cidr(JsonElement parent, string key, string where)
    {
        string text = String(parent, key, where);
        int slash = text.IndexOf('/');
        if (slash > 0 && IPAddress.TryParse(text.AsSpan(0, slash), out var address) && address.ScopeIdOf() == 0
            // The parser alone would pass over zero bytes at the end.
            && !text.AsSpan(slash + 1).ContainsAnyExceptInRange('0', '9') && int.TryParse(text.AsSpan(slash + 1), System.Globalization.NumberStyles.None, null, out int length)
            && length <= address.GetAddressBytes().Length * 8)
        {
            return (address, length);
        }
        throw Wrong($"{where}{key}", $"an address with a prefix length (\"{text}\")");
    }

    /// <summary>Host bits cleared, as a route's destination has to be.</summary>
    public static IPNetwork NetworkOf(IPAddress address, int prefixLength)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            int keep = Math.Clamp(prefixLength - i * 8, 0, 8);
            bytes[i] &= (byte)(0xff << (8 - keep));
        }
        return new IPNetwork(new IPAddress(bytes), prefixLength);
    }

    private static long ScopeIdOf(this IPAddress address) =>
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? address.ScopeId : 0;
}
