using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ACCOffload.Fuzz.Tests.Cni;

/// <summary>
/// A second, simple implementation of the checks that the specification and docs/configuration.md require for a call, based on a JSON
/// library. It returns the error codes that a response may have, none for a valid call. With several errors, any of their codes is correct.
/// </summary>
internal static partial class PlainCni
{
    private static readonly string[] Versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

    public static HashSet<int> Errors(IReadOnlyDictionary<string, string> environment, byte[] input)
    {
        var errors = new HashSet<int>();
        var command = environment.GetValueOrDefault("CNI_COMMAND", "");
        Environment(command, name => environment.GetValueOrDefault(name, ""), errors);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(input);
        }
        catch (JsonException)
        {
            // The plugin reads the whole text before it checks any value.
            errors.Add(6);
            return errors;
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                errors.Add(6);
            }
            else if (command != "DEL")
            {
                Config(command, document.RootElement, errors);
            }
        }

        // Quoting the invalid value in an error message fails if the value is not valid text.
        if (errors.Count > 0 && !System.Text.Unicode.Utf8.IsValid(input))
        {
            errors.Add(6);
        }

        return errors;
    }

    /// <summary>The network name of a DEL, ignoring values that are not text; null if there is none.</summary>
    public static string? RemovalName(JsonElement root) =>
        All(root, "name").Select(v => v.ValueKind == JsonValueKind.String ? StringOf(v) : null).LastOrDefault(v => v is not null);

    /// <summary>Whether a DEL uses names that no ADD accepts, so that it is answered without the agent.</summary>
    public static bool CannotExist(IReadOnlyDictionary<string, string> environment, JsonElement root)
    {
        var errors = new HashSet<int>();
        Environment("CHECK", name => name is "CNI_NETNS" or "CNI_PATH" ? "/" : environment.GetValueOrDefault(name, ""), errors);
        var name = RemovalName(root);
        return errors.Count > 0 || name is null || !Name().IsMatch(name) || name.Length > 256 || name == "accoffload-host";
    }

    private static void Environment(string command, Func<string, string> get, HashSet<int> errors)
    {
        if (command is not ("ADD" or "DEL" or "CHECK" or "GC" or "STATUS"))
        {
            errors.Add(4);
        }

        var needed = command switch
        {
            "ADD" or "CHECK" => new[] { "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH" },
            "DEL" => ["CNI_CONTAINERID", "CNI_IFNAME"],
            "GC" => ["CNI_PATH"],
            _ => [],
        };
        if (needed.Any(name => get(name).Length == 0))
        {
            errors.Add(4);
        }
        // DEL accepts names that ADD rejects, because there is nothing to remove.
        if (command is not ("ADD" or "CHECK"))
        {
            return;
        }

        if (!Name().IsMatch(get("CNI_CONTAINERID")) || get("CNI_CONTAINERID").Length > 256 || !Interface().IsMatch(get("CNI_IFNAME"))
            || get("CNI_IFNAME") is "." or ".." or "all" or "default")
        {
            errors.Add(4);
        }

        if (get("CNI_NETNS") is { Length: > 0 } netns && (!netns.StartsWith('/') || netns.Length > 4096))
        {
            errors.Add(4);
        }

        if (command == "ADD")
        {
            foreach (var pair in get("CNI_ARGS").Split(';').Select(p => p.Trim()).Where(p => p.Length > 0))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                if (equals <= 0
                    || (pair[..equals] is "K8S_POD_NAMESPACE" or "K8S_POD_NAME" or "K8S_POD_UID" && pair.Length - equals - 1 > 256))
                {
                    errors.Add(4);
                }
            }
        }
    }

    private static void Config(string command, JsonElement root, HashSet<int> errors)
    {
        // The last of several values counts, except for these three: the plugin itself checks every occurrence.
        var version = Text(root, "cniVersion", errors, each: true);
        var name = Text(root, "name", errors, each: true);
        var socket = Text(root, "socket", errors, each: true);
        var at = Array.IndexOf(Versions, version);
        if (at < 0 || (command == "CHECK" && at < 2) || (command is "GC" or "STATUS" && at < 4))
        {
            errors.Add(1);
        }

        if (name is null || !Name().IsMatch(name) || name.Length > 256 || name == "accoffload-host")
        {
            errors.Add(7);
        }

        if (socket is not null && (socket.Length is 0 or > 107 || socket[0] != '/' || socket.Contains('\0', StringComparison.Ordinal)
            || Encoding.UTF8.GetByteCount(socket) > 107))
        {
            errors.Add(7);
        }

        if (Number(root, "mtu", errors) is { } mtu && mtu != 0 && mtu is < 576 or > 9216)
        {
            errors.Add(7);
        }

        Dns(root, errors);
        var ipam = Object(root, "ipam", errors) is { } section ? Text(section, "type", errors) ?? "" : "";
        if (ipam.Contains('/', StringComparison.Ordinal) || ipam is "." or "..")
        {
            errors.Add(7);
        }

        if (Present(root, "ipMasq") is { } masquerade && masquerade.ValueKind != JsonValueKind.False)
        {
            errors.Add(2);
        }

        if (Object(root, "runtimeConfig", errors) is { } runtime)
        {
            if (new[] { "infinibandGUID", "deviceID" }.Any(k => Present(runtime, k) is not null))
            {
                errors.Add(2);
            }

            if (command is "ADD" or "CHECK")
            {
                Capabilities(runtime, errors);
            }
        }
        var previous = Object(root, "prevResult", errors);
        if (previous is { } result)
        {
            Result(result, errors);
        }

        if (command == "GC")
        {
            foreach (var item in Objects(root, "cni.dev/valid-attachments", errors))
            {
                Text(item, "containerID", errors);
                Text(item, "ifname", errors);
            }
        }

        if ((command == "ADD" && ipam.Length == 0) || (command == "CHECK" && previous is null)
            || (command == "GC" && !root.TryGetProperty("cni.dev/valid-attachments", out _)))
        {
            errors.Add(7);
        }
    }

    private static void Capabilities(JsonElement runtime, HashSet<int> errors)
    {
        if (Text(runtime, "mac", errors) is { Length: > 0 } mac
            && (!Mac().IsMatch(mac) || mac[1] is not ('0' or '2' or '4' or '6' or '8' or 'a' or 'c' or 'e' or 'A' or 'C' or 'E')
                || mac.All(c => c is '0' or ':' or '-')))
        {
            errors.Add(7);
        }

        PortMappings(runtime, errors);
        if (Object(runtime, "bandwidth", errors) is not { } bandwidth)
        {
            return;
        }

        foreach (var direction in new[] { "ingress", "egress" })
        {
            var numbers = new ulong[2];
            foreach (var (i, key) in new[] { direction + "Rate", direction + "Burst" }.Index())
            {
                if (Present(bandwidth, key) is { } value
                    && (value.ValueKind != JsonValueKind.Number || !value.TryGetUInt64(out numbers[i])))
                {
                    errors.Add(6);
                }
            }

            if ((numbers[0] == 0) != (numbers[1] == 0) || numbers[0] is > 0 and < 8 || numbers[1] / 8 >= uint.MaxValue)
            {
                errors.Add(7);
            }
        }
    }

    private static void PortMappings(JsonElement runtime, HashSet<int> errors)
    {
        var used = 0;
        foreach (var mapping in Objects(runtime, "portMappings", errors))
        {
            var ports = new[] { Number(mapping, "hostPort", errors) ?? 0, Number(mapping, "containerPort", errors) ?? 0 };
            var protocol = Text(mapping, "protocol", errors) ?? "";
            var address = Text(mapping, "hostIP", errors) ?? "";
            if (ports[0] == 0)
            {
                continue;
            }

            used++;
            if (Array.Exists(ports, p => p is < 1 or > 65535) || !Protocol().IsMatch(protocol)
                || (address.Length > 0 && !IsAddress(address, out _)))
            {
                errors.Add(7);
            }
        }

        if (used > 64)
        {
            errors.Add(7);
        }
    }

    private static void Result(JsonElement result, HashSet<int> errors)
    {
        var interfaces = Objects(result, "interfaces", errors);
        foreach (var item in interfaces)
        {
            foreach (var key in new[] { "name", "mac", "sandbox", "socketPath", "pciID" })
            {
                Text(item, key, errors);
            }

            Number(item, "mtu", errors);
        }

        foreach (var item in Objects(result, "ips", errors))
        {
            Cidr(item, "address", errors);
            Address(item, "gateway", errors);
            if (Number(item, "interface", errors) is { } index && interfaces.Count > 0 && (index < 0 || index >= interfaces.Count))
            {
                errors.Add(6);
            }
        }

        foreach (var item in Objects(result, "routes", errors))
        {
            Cidr(item, "dst", errors);
            Address(item, "gw", errors);
            foreach (var key in new[] { "mtu", "advmss", "priority", "table", "scope" })
            {
                Number(item, key, errors);
            }
        }

        Dns(result, errors);
    }

    private static void Dns(JsonElement parent, HashSet<int> errors)
    {
        if (Object(parent, "dns", errors) is not { } dns)
        {
            return;
        }

        Text(dns, "domain", errors);
        foreach (var key in new[] { "nameservers", "search", "options" })
        {
            if (Present(dns, key) is { } list
                && (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > 4096
                    || list.EnumerateArray().Any(i => i.ValueKind != JsonValueKind.String || StringOf(i) is null)))
            {
                errors.Add(6);
            }
        }
    }

    /// <summary>The effective value of a key; null if there is none.</summary>
    public static JsonElement? Present(JsonElement parent, string key) => All(parent, key).Select(v => (JsonElement?)v).LastOrDefault();

    // Go's rule: case is ignored, and two non-ASCII characters fold to an ASCII letter. Null values are ignored.
    private static IEnumerable<JsonElement> All(JsonElement parent, string key) =>
        parent.EnumerateObject()
            .Where(p => p.Value.ValueKind != JsonValueKind.Null
                && string.Equals(NameOf(p)?.Replace('\u017f', 's').Replace('\u212a', 'k'), key, StringComparison.OrdinalIgnoreCase))
            .Select(p => p.Value);

    private static string? NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement parent, string key, HashSet<int> errors, bool each = false)
    {
        var all = All(parent, key).Select(v => v.ValueKind == JsonValueKind.String ? StringOf(v) : null).ToList();
        if (all.Count == 0)
        {
            return null;
        }

        if (all[^1] is null || (each && all.Contains(null)))
        {
            errors.Add(6);
        }

        return all[^1];
    }

    // Null for a lone surrogate, which is not valid text.
    private static string? StringOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static int? Number(JsonElement parent, string key, HashSet<int> errors)
    {
        if (Present(parent, key) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number))
        {
            return number;
        }

        errors.Add(6);
        return null;
    }

    private static JsonElement? Object(JsonElement parent, string key, HashSet<int> errors)
    {
        if (Present(parent, key) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return value;
        }

        errors.Add(6);
        return null;
    }

    private static List<JsonElement> Objects(JsonElement parent, string key, HashSet<int> errors)
    {
        if (Present(parent, key) is not { } value)
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > 4096
            || value.EnumerateArray().Any(i => i.ValueKind != JsonValueKind.Object))
        {
            errors.Add(6);
            return [];
        }

        return [.. value.EnumerateArray()];
    }

    private static void Address(JsonElement parent, string key, HashSet<int> errors)
    {
        if (Text(parent, key, errors) is { Length: > 0 } text && !IsAddress(text, out _))
        {
            errors.Add(6);
        }
    }

    private static void Cidr(JsonElement parent, string key, HashSet<int> errors)
    {
        var text = Text(parent, key, errors) ?? "";
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || !IsAddress(text[..slash], out var bits) || !Prefix().IsMatch(text[(slash + 1)..])
            || System.Numerics.BigInteger.Parse(text[(slash + 1)..], null) > bits)
        {
            errors.Add(6);
        }
    }

    private static bool IsAddress(string text, out int bits)
    {
        bits = text.Contains(':', StringComparison.Ordinal) ? 128 : 32;
        var dotted = text[(text.LastIndexOf(':') + 1)..];
        if ((bits == 32 || dotted.Contains('.', StringComparison.Ordinal)) && !IPv4().IsMatch(dotted))
        {
            return false;
        }

        return bits == 32 || (IPv6Characters().IsMatch(text) && IPAddress.TryParse(text, out _));
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]*\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[!-$&-.0-9;-~]{1,15}\z")]
    private static partial Regex Interface();

    [GeneratedRegex(@"^([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ss][Cc][Tt][Pp])\z")]
    private static partial Regex Protocol();

    [GeneratedRegex(@"^[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(\1[0-9A-Fa-f]{2}){4}\z")]
    private static partial Regex Mac();

    [GeneratedRegex(@"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(?!\z)|\z)){4}\z")]
    private static partial Regex IPv4();

    [GeneratedRegex(@"^[0-9A-Fa-f:.]+\z")]
    private static partial Regex IPv6Characters();

    [GeneratedRegex(@"^[0-9]+\z")]
    private static partial Regex Prefix();
}
