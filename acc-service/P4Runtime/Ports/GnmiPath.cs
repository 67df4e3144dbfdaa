using Gnmi;

namespace ACCOffload.P4Runtime.Ports;

/// <summary>The gNMI paths of ports.</summary>
internal static class GnmiPath
{
    public const string PortIdLeaf = "tdi-portin-id";
    public const string PortTypeLeaf = "port-type";
    private const string List = "virtual-interface";

    public static Gnmi.Path Interface(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new Gnmi.Path { Elem = { new PathElem { Name = "interfaces" }, new PathElem { Name = List, Key = { ["name"] = name } } } };
    }

    public static Gnmi.Path Config(string name, string leaf)
    {
        var path = Interface(name);
        path.Elem.Add(new PathElem { Name = "config" });
        path.Elem.Add(new PathElem { Name = leaf });
        return path;
    }

    /// <summary>The state of a port.</summary>
    public static Gnmi.Path State(string name)
    {
        var path = Interface(name);
        path.Elem.Add(new PathElem { Name = "state" });
        return path;
    }

    /// <summary>The state of a soft target.</summary>
    public static Gnmi.Path Target() => new() { Elem = { new PathElem { Name = "soft-target" } } };

    /// <summary>The port's name, null if the path has none, and the last element.</summary>
    public static (string? Name, string Leaf) Read(Gnmi.Path? prefix, Gnmi.Path? path)
    {
        string? name = null;
        var leaf = "";
        foreach (var elem in (prefix?.Elem ?? []).Concat(path?.Elem ?? []))
        {
            leaf = elem.Name;
            if (elem.Name == List && elem.Key.TryGetValue("name", out var key))
            {
                name = key;
            }
        }

        return (name, leaf);
    }

    public static uint? PortId(TypedValue? value) => value?.ValueCase switch
    {
        TypedValue.ValueOneofCase.UintVal when value.UintVal <= uint.MaxValue => (uint)value.UintVal,
        TypedValue.ValueOneofCase.IntVal when value.IntVal is >= 0 and <= uint.MaxValue => (uint)value.IntVal,
        _ => null,
    };
}
