using System.Collections.Immutable;
using Gnmi;

namespace ACCOffload.FaithfulTarget;

/// <summary>The attributes of a port, and its number once it is created.</summary>
internal sealed record PortState(ImmutableDictionary<string, TypedValue> Attributes, uint? Number)
{
    private const long DefaultMtu = 1500;

    public static PortState Empty { get; } = new(ImmutableDictionary<string, TypedValue>.Empty, null);

    public string Type => Attributes.TryGetValue(PortPath.Type, out var value) ? value.StringVal : "";

    /// <summary>The MTU in bytes.</summary>
    public long Mtu => Attributes.TryGetValue(PortPath.Mtu, out var value) ? value.IntVal : DefaultMtu;
}
