using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>An attachment that a GC lists as valid.</summary>
internal readonly record struct CniAttachment(string ContainerId, string InterfaceName);

/// <summary>A network configuration. The raw bytes are kept, because a delegated plugin gets all of them.</summary>
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

    /// <summary>In bytes; 0 for the agent's setting.</summary>
    public int Mtu { get; private set; }

    /// <summary>The device kind; empty for the agent's setting.</summary>
    public string DeviceKind { get; private set; } = "";

    /// <summary>The device that the runtime chose, as a PCI address or devlink port; empty for none.</summary>
    public string DeviceId { get; private set; } = "";

    /// <summary>The delegated plugin's file name; empty without an ipam section.</summary>
    public string IpamType { get; private set; } = "";

    /// <summary>The MAC that the runtime asks for (capability mac); null for any.</summary>
    public MacAddress? Mac { get; private set; }

    /// <summary>The pod's limits (capability bandwidth); null for none.</summary>
    public CniBandwidth? Bandwidth { get; private set; }

    /// <summary>The pod's host ports (capability portMappings).</summary>
    public IReadOnlyList<HostPort> HostPorts { get; private set; } = [];

    public CniDns Dns { get; private set; } = CniDns.Empty;

    public CniResult? PrevResult { get; private set; }

    /// <summary>The attachments that a GC must keep; null when the key is absent.</summary>
    public IReadOnlyList<CniAttachment>? ValidAttachments { get; private set; }

    /// <summary>Reads and checks a configuration.</summary>
    /// <exception cref="CniException">Error 1, 2, 6 or 7.</exception>
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
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin contains invalid text");
        }
        return config;
    }

    private void Read(JsonElement root, string command)
    {
        Mtu = CniJson.Int(root, "mtu", "") ?? 0;
        if (Mtu != 0 && Mtu is < MinMtu or > MaxMtu)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                $"mtu {Mtu} is not valid in the network configuration",
                $"{MinMtu} to {MaxMtu}, or 0 for the agent's");
        }

        DeviceKind = CniJson.String(root, "deviceKind", "");
        DeviceId = ReadDeviceId(root);
        Dns = CniResultReader.ReadDns(root, "");
        if (CniJson.Object(root, "ipam", "") is { } ipam)
        {
            IpamType = CniJson.String(ipam, "type", "ipam.");
            if (IpamType.Contains('/') || IpamType is "." or "..")
            {
                throw new CniException(
                    CniErrorCode.InvalidNetworkConfig,
                    "ipam.type is not valid in the network configuration",
                    $"\"{IpamType}\": the file name of a plugin in CNI_PATH is needed");
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
        // A runtime written in Go encodes an empty list as null; only an absent key may be a mistake.
        if (command == "GC" && root.TryGetProperty("cni.dev/valid-attachments", out _))
        {
            ValidAttachments = ReadAttachments(root);
        }

        if (command == "ADD" && IpamType.Length == 0)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "ipam.type is missing in the network configuration",
                "name the IPAM plugin, for example {\"ipam\":{\"type\":\"host-local\",…}}");
        }

        if (command == "CHECK" && PrevResult is null)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig, "prevResult is missing in the network configuration", "CHECK compares the pod with it");
        }

        if (command == "GC" && ValidAttachments is null)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "cni.dev/valid-attachments is missing in the network configuration",
                "without it every attachment would be removed");
        }
    }

    // A device plugin's choice is passed as the capability deviceID or, by a meta plugin, at the top level.
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
            _ => throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "deviceID and pciBusID name different devices in the network configuration",
                string.Join(", ", distinct)),
        };
    }

    private void ReadCapabilities(JsonElement root)
    {
        if (CniJson.Object(root, "runtimeConfig", "") is not { } runtime)
        {
            return;
        }

        Bandwidth = CniBandwidth.Read(runtime);
        HostPorts = CniPortMappings.Read(runtime);
        var text = CniJson.String(runtime, "mac", "runtimeConfig.");
        if (text.Length == 0)
        {
            return;
        }

        if (!MacAddress.TryParse(text, out var mac) || mac.IsMulticast || mac.IsZero)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "runtimeConfig.mac is not valid in the network configuration",
                $"\"{text}\": a unicast MAC address such as 02:00:5e:10:00:01 is needed");
        }

        Mac = mac;
    }

    private static List<CniAttachment> ReadAttachments(JsonElement root)
    {
        var list = new List<CniAttachment>();
        foreach (var item in CniJson.Objects(root, "cni.dev/valid-attachments", ""))
        {
            list.Add(new CniAttachment(
                CniJson.String(item, "containerID", "cni.dev/valid-attachments."),
                CniJson.String(item, "ifname", "cni.dev/valid-attachments.")));
        }

        return list;
    }

    // Fields that a plugin "should respect" but this one can't: refused instead of ignored.
    private static void RefuseUnsupported(JsonElement root)
    {
        if (CniJson.Optional(root, "ipMasq") is { ValueKind: not JsonValueKind.False } masquerade)
        {
            throw Unsupported("ipMasq", masquerade, "the pipeline controls masquerading");
        }

        if (CniJson.Object(root, "runtimeConfig", "") is { } runtime && CniJson.Optional(runtime, "infinibandGUID") is { } value)
        {
            throw Unsupported("runtimeConfig.infinibandGUID", value, "remove the capability from the plugin's configuration");
        }
    }

    private static CniException Unsupported(string key, JsonElement value, string hint)
    {
        var text = value.GetRawText();
        return new CniException(
            CniErrorCode.UnsupportedField,
            $"unsupported field {key} = {(text.Length <= 80 ? text : text[..80] + "…")} in the network configuration",
            hint);
    }
}
