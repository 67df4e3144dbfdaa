using Gnmi;

namespace ACCOffload.FaithfulTarget;

/// <summary>A gNMI path to an attribute of a port.</summary>
/// <param name="Port">The port's name.</param>
/// <param name="Leaf">The attribute's name.</param>
internal sealed record PortPath(string Port, string Leaf)
{
    public const string Type = "port-type";
    public const string Mtu = "mtu";
    public const string PciBdf = "pci-bdf";
    public const string NumberIn = "tdi-portin-id";
    public const string NumberOut = "tdi-portout-id";
    public const string All = "*";

    /// <summary>The attributes that can be set before a port is created.</summary>
    public static readonly IReadOnlyList<string> Settable =
        [Type, Mtu, PciBdf, "host-name", "device-type", "queues", "socket-path", "pipeline-name", "mempool-name", "packet-dir"];

    public bool IsNumber => Leaf is NumberIn or NumberOut;

    /// <summary>Returns null if the path does not belong to a port.</summary>
    public static PortPath? TryParse(Gnmi.Path? prefix, Gnmi.Path? path)
    {
        PathElem[] elements = [.. (prefix?.Elem ?? []).Concat(path?.Elem ?? [])];
        return elements.Length is 2 or 4
            && elements[0].Name == "interfaces"
            && elements[1].Name == "virtual-interface"
            && elements[1].Key.TryGetValue("name", out var name)
            && (elements.Length == 2 || elements[2].Name == "config")
            ? new PortPath(name, elements.Length == 2 ? "" : elements[3].Name)
            : null;
    }

    /// <summary>The path in infrap4d's notation.</summary>
    public static string Describe(Gnmi.Path? prefix, Gnmi.Path? path)
    {
        var elements = (prefix?.Elem ?? []).Concat(path?.Elem ?? []);
        return string.Concat(elements.Select(e => $"/{e.Name}{string.Concat(e.Key.Select(k => $"[{k.Key}={k.Value}]"))}"));
    }

    public Gnmi.Path ToProto() => new()
    {
        Elem =
        {
            new PathElem { Name = "interfaces" },
            new PathElem { Name = "virtual-interface", Key = { ["name"] = Port } },
            new PathElem { Name = "config" },
            new PathElem { Name = Leaf },
        },
    };
}
