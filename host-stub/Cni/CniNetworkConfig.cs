using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>One attachment that GC is told to be valid.</summary>
internal readonly record struct CniAttachment(string ContainerId, string InterfaceName);

/// <summary>A network configuration as the agent uses it. The raw bytes stay, because a delegated plugin gets them whole.</summary>
internal sealed partial class CniNetworkConfig
{
    public const int MinMtu = ProtocolLimits.MinMtu;
    public const int MaxMtu = 9216;

    private CniNetworkConfig(CniVersion version, string name, ReadOnlyMemory<byte> raw)
    {
        Version = version;
        Name = name;
        Raw = raw;
    }

    public CniVersion Version { get; }

    public string Name { get; }

    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>0: the agent's.</summary>
    public int Mtu { get; private set; }

    /// <summary>Kind of the device; empty: the agent's.</summary>
    public string DeviceKind { get; private set; } = "";

    /// <summary>The device that the runtime chose, by its PCI address; empty: none.</summary>
    public string DeviceId { get; private set; } = "";

    /// <summary>The delegated plugin's file name; empty: no ipam section.</summary>
    public string IpamType { get; private set; } = "";

    /// <summary>The MAC that the runtime wants the interface to have (capability mac); null: any.</summary>
    public MacAddress? Mac { get; private set; }

    /// <summary>The pod's limits (capability bandwidth); null: none.</summary>
    public CniBandwidth? Bandwidth { get; private set; }

    public CniDns Dns { get; private set; } = CniDns.Empty;

    public CniResult? PrevResult { get; private set; }

    /// <summary>Null when the key is absent.</summary>
    public IReadOnlyList<CniAttachment>? ValidAttachments { get; private set; }

    /// <summary>Reads and checks; errors 1, 2, 6 and 7.</summary>
    public static CniNetworkConfig Parse(ReadOnlyMemory<byte> json, string command)
    {
        var header = CniNetworkHeader.Read(json.Span);
        header.Check(command);
        var config = new CniNetworkConfig(CniVersions.Parse(header.Version), header.Name, json);
        try
        {
            using var document = JsonDocument.Parse(json);
            config.Read(document.RootElement, command);
        }
        catch (JsonException e)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not valid JSON", e.Message);
        }
        catch (InvalidOperationException)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin holds invalid text");
        }
        return config;
    }

    private void Read(JsonElement root, string command)
    {
        Mtu = CniJson.Int(root, "mtu", "") ?? 0;
        if (Mtu != 0 && Mtu is < MinMtu or > MaxMtu)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"mtu {Mtu} is not valid in the network configuration", $"{MinMtu} to {MaxMtu}, or 0 for the agent's");
        }

        DeviceKind = CniJson.String(root, "deviceKind", "");
        DeviceId = ReadDeviceId(root);
        Dns = CniResultReader.ReadDns(root, "");
        if (CniJson.Object(root, "ipam", "") is { } ipam)
        {
            IpamType = CniJson.String(ipam, "type", "ipam.");
            if (IpamType.Contains('/') || IpamType is "." or "..")
            {
                throw new CniException(CniErrorCode.InvalidNetworkConfig, "ipam.type is not valid in the network configuration", $"\"{IpamType}\": the file name of a plugin in CNI_PATH is needed");
            }
        }
        RefuseUnsupported(root);
        if (command is "ADD" or "CHECK")
        {
            ReadCapabilities(root);
        }

        if (CniJson.Object(root, "prevResult", "") is { } previous)
        {
            PrevResult = CniResultReader.Read(previous, "prevResult");
        }
        // A runtime written in Go says null for an empty list; only an absent key may be a mistake.
        if (command == "GC" && root.TryGetProperty("cni.dev/valid-attachments", out _))
        {
            ValidAttachments = ReadAttachments(root);
        }

        if (command == "ADD" && IpamType.Length == 0)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "ipam.type is missing in the network configuration", "name the IPAM plugin, for example {\"ipam\":{\"type\":\"host-local\",…}}");
        }

        if (command == "CHECK" && PrevResult is null)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "prevResult is missing in the network configuration", "CHECK compares with it");
        }

        if (command == "GC" && ValidAttachments is null)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "cni.dev/valid-attachments is missing in the network configuration", "without it every attachment would be removed");
        }
    }

    // A device plugin's choice comes as the capability deviceID, or, by a meta plugin that merges it in, at the top.
    private static string ReadDeviceId(JsonElement root)
    {
        var runtime = CniJson.Object(root, "runtimeConfig", "");
        string[] given =
        [
            CniJson.String(root, "deviceID", ""),
            CniJson.String(root, "pciBusID", ""),
            runtime is { } a ? CniJson.String(a, "deviceID", "runtimeConfig.") : "",
            runtime is { } b ? CniJson.String(b, "pciBusID", "runtimeConfig.") : "",
        ];
        var distinct = given.Where(g => g.Length > 0).Distinct(StringComparer.OrdinalIgnoreCase).ToArray();
        return distinct.Length switch
        {
            0 => "",
            1 => distinct[0].ToLowerInvariant(),
            _ => throw new CniException(CniErrorCode.InvalidNetworkConfig, "deviceID and pciBusID are not one device in the network configuration", string.Join(", ", distinct)),
        };
    }

    private void ReadCapabilities(JsonElement root)
    {
        if (CniJson.Object(root, "runtimeConfig", "") is not { } runtime)
        {
            return;
        }

        Bandwidth = CniBandwidth.Read(runtime);
        var text = CniJson.String(runtime, "mac", "runtimeConfig.");
        if (text.Length == 0)
        {
            return;
        }

        if (!MacAddress.TryParse(text, out var mac) || mac.IsMulticast || mac.IsZero)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "runtimeConfig.mac is not valid in the network configuration", $"\"{text}\": a unicast MAC address such as 02:00:5e:10:00:01 is needed");
        }

        Mac = mac;
    }

    private static List<CniAttachment> ReadAttachments(JsonElement root)
    {
        var list = new List<CniAttachment>();
        foreach (var item in CniJson.Objects(root, "cni.dev/valid-attachments", ""))
        {
            list.Add(new CniAttachment(CniJson.String(item, "containerID", "cni.dev/valid-attachments."), CniJson.String(item, "ifname", "cni.dev/valid-attachments.")));
        }

        return list;
    }

    // Fields with a meaning that a plugin "should respect", and that we can't: better refused than ignored.
    private static void RefuseUnsupported(JsonElement root)
    {
        if (CniJson.Optional(root, "ipMasq") is { ValueKind: not JsonValueKind.False } masquerade)
        {
            throw Unsupported("ipMasq", masquerade, "the pipeline decides what is masqueraded");
        }

        if (CniJson.Object(root, "runtimeConfig", "") is not { } runtime)
        {
            return;
        }

        foreach (var key in (ReadOnlySpan<string>)["portMappings", "infinibandGUID"])
        {
            if (CniJson.Optional(runtime, key) is { } value)
            {
                throw Unsupported("runtimeConfig." + key, value, "leave the capability out of the plugin's configuration");
            }
        }
    }

    private static CniException Unsupported(string key, JsonElement value, string hint)
    {
        var text = value.GetRawText();
        return new CniException(CniErrorCode.UnsupportedField, $"unsupported field {key} = {(text.Length <= 80 ? text : text[..80] + "…")} in the network configuration", hint);
    }
}
