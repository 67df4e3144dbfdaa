using System.Net;
using System.Text;
using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Cni;

/// <summary>Typed access to JSON elements, with errors that name the key.</summary>
internal static class CniJson
{
    public const int MaxArray = 4096;

    public static CniException Wrong(string where, string expected) =>
        new(CniErrorCode.DecodingFailure, $"{where} is not {expected}");

    /// <summary>The value of a key, matched as in <see cref="CniKeys"/>; null when the key is absent or null.</summary>
    public static JsonElement? Optional(JsonElement parent, string key)
    {
        if (parent.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        Span<byte> name = stackalloc byte[key.Length];
        _ = Encoding.ASCII.GetBytes(key, name);
        JsonElement? found = null;
        foreach (var property in parent.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Null && CniKeys.Matches(property, name))
            {
                found = property.Value;
            }
        }
        return found;
    }

    public static string String(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
        {
            return "";
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw Wrong($"{where}{key}", "a string");
        }

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
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number))
        {
            throw Wrong($"{where}{key}", "an integer");
        }

        return number;
    }

    public static JsonElement? Object(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Object ? value : throw Wrong($"{where}{key}", "an object");
    }

    /// <summary>The elements of an array of objects; empty when the key is absent.</summary>
    public static IEnumerable<JsonElement> Objects(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
        {
            yield break;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxArray)
        {
            throw Wrong($"{where}{key}", $"an array of at most {MaxArray} objects");
        }

        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                throw Wrong($"{where}{key}", "an array of objects");
            }

            yield return item;
        }
    }

    public static IReadOnlyList<string> Strings(JsonElement parent, string key, string where)
    {
        if (Optional(parent, key) is not { } value)
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxArray)
        {
            throw Wrong($"{where}{key}", "an array of strings");
        }

        var list = new List<string>();
        foreach (var item in value.EnumerateArray())
        {
            list.Add(item.ValueKind == JsonValueKind.String ? item.GetString() ?? "" : throw Wrong($"{where}{key}", "an array of strings"));
        }

        return list;
    }

    public static IPAddress? Address(JsonElement parent, string key, string where)
    {
        var text = String(parent, key, where);
        if (text.Length == 0)
        {
            return null;
        }

        return IpText.TryParse(text, out var address) ? address : throw Wrong($"{where}{key}", $"an IP address (\"{text}\")");
    }

    /// <summary>An address with a prefix length, host bits kept.</summary>
    public static (IPAddress Address, int PrefixLength) Cidr(JsonElement parent, string key, string where)
    {
        var text = String(parent, key, where);
        return IpText.TryParseCidr(text, out var address, out var length)
            ? (address, length)
            : throw Wrong($"{where}{key}", $"an address with a prefix length (\"{text}\")");
    }
}
