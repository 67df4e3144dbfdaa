using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Server.Wire;
using Gnmi;

namespace ACCOffload.SoftTarget.Server;

/// <summary>A gNMI path to a port or to a value of one.</summary>
/// <param name="Name">The port's name, or "*" for all.</param>
/// <param name="Leaf">The rest of the path: "config/port-type", "config", … or empty.</param>
internal sealed record PortPath(string Name, string Leaf)
{
    public const string PortType = "config/port-type";
    public const string All = "*";

    private const string Pattern = "interfaces/virtual-interface[name=NAME]";

    /// <summary>Attributes that a controller may set on a port; the soft target ignores all but port-type.</summary>
    private static readonly string[] Accepted =
        [PortType, "config/name", "config/host-name", "config/device-type", "config/queues", "config/socket-path", "config/mtu",
            "config/pipeline-name", "config/mempool-name", "config/packet-dir", "config/pci-bdf"];

    /// <exception cref="Grpc.Core.RpcException">The path is not a port path.</exception>
    public static PortPath ForGet(Gnmi.Path? prefix, Gnmi.Path path) => Parse(prefix, path, wildcard: true);

    /// <returns>The port's name.</returns>
    /// <exception cref="Grpc.Core.RpcException">The path is not a port path.</exception>
    public static string ForDelete(Gnmi.Path? prefix, Gnmi.Path path)
    {
        var parsed = Parse(prefix, path, wildcard: false);
        return parsed.Leaf.Length is 0 || parsed.Leaf == "config"
            ? parsed.Name
            : throw Outcome.Invalid($"{Describe(parsed)}: only whole ports can be deleted").ToException();
    }

    /// <exception cref="Grpc.Core.RpcException">The path or the value is rejected.</exception>
    public static PortPath ForUpdate(Gnmi.Path? prefix, Update update)
    {
        var path = Parse(prefix, update.Path ?? new Gnmi.Path(), wildcard: false);
        if (!Accepted.Contains(path.Leaf))
        {
            throw Outcome.Invalid($"{Describe(path)} can't be set").ToException();
        }

        if (PortTable.CheckName(path.Name) is { } problem)
        {
            throw Outcome.Invalid($"{Describe(path)}: {problem}").ToException();
        }

        if (path.Leaf == PortType
            && (update.Val?.ValueCase != TypedValue.ValueOneofCase.StringVal || update.Val.StringVal.Length is 0 or > 32))
        {
            throw Outcome.Invalid($"{Describe(path)}: expected a string such as \"LINK\" or \"TAP\"").ToException();
        }

        return path;
    }

    /// <summary>All values of a port: section, name, value.</summary>
    public static IEnumerable<(string Section, string Name, TypedValue Value)> Values(SoftPort port)
    {
        yield return ("config", "name", new TypedValue { StringVal = port.Name });
        yield return ("config", "port-type", new TypedValue { StringVal = port.Type });
        yield return ("config", "tdi-portin-id", new TypedValue { UintVal = port.Id });
        yield return ("config", "tdi-portout-id", new TypedValue { UintVal = port.Id });
        yield return ("state", "oper-status", new TypedValue { StringVal = port.IsBound ? "UP" : "DOWN" });
        yield return ("state", "fault", new TypedValue { StringVal = port.Fault });
        var statistics = port.Statistics;
        yield return ("state", "in-pkts", new TypedValue { UintVal = (ulong)statistics.ReceivedPackets });
        yield return ("state", "in-octets", new TypedValue { UintVal = (ulong)statistics.ReceivedBytes });
        yield return ("state", "in-errors", new TypedValue { UintVal = (ulong)statistics.Malformed });
        yield return ("state", "out-pkts", new TypedValue { UintVal = (ulong)statistics.SentPackets });
        yield return ("state", "out-octets", new TypedValue { UintVal = (ulong)statistics.SentBytes });
        yield return ("state", "out-discards", new TypedValue { UintVal = (ulong)statistics.Unsent });
    }

    public static Gnmi.Path Make(string port, string section, string name) => new()
    {
        Elem =
        {
            new PathElem { Name = "interfaces" },
            new PathElem { Name = "virtual-interface", Key = { ["name"] = port } },
            new PathElem { Name = section },
            new PathElem { Name = name },
        },
    };

    private static PortPath Parse(Gnmi.Path? prefix, Gnmi.Path path, bool wildcard)
    {
        var elements = (prefix?.Elem ?? []).Concat(path.Elem).ToList();
        if (elements.Count < 2 || elements[0].Name != "interfaces" || elements[1].Name != "virtual-interface"
            || !elements[1].Key.TryGetValue("name", out var name) || name.Length == 0 || elements[1].Key.Count != 1)
        {
            throw Outcome.Invalid($"the path is not below {Pattern}").ToException();
        }

        var parsed = new PortPath(name, string.Join('/', elements.Skip(2).Select(e => e.Name)));
        if (name == All && !wildcard)
        {
            throw Outcome.Invalid($"{Describe(parsed)}: the name of a single port is required").ToException();
        }

        var known = parsed.Leaf is "" or "config" or "state"
            || Accepted.Contains(parsed.Leaf)
            || Values(new SoftPort(0, "", "")).Any(v => v.Section + "/" + v.Name == parsed.Leaf);
        return known ? parsed : throw Outcome.Invalid($"{Describe(parsed)} is not known").ToException();
    }

    private static string Describe(PortPath path)
        => $"interfaces/virtual-interface[name={path.Name}]{(path.Leaf.Length == 0 ? "" : "/" + path.Leaf)}";
}
