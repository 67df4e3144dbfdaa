using System.Collections.Immutable;
using Gnmi;

namespace ACCOffload.Faithful;

/// <summary>What was said of a port, and its number once it is made.</summary>
internal sealed record PortState(ImmutableDictionary<string, TypedValue> Said, uint? Number)
{
    private const long DefaultMtu = 1500;

    public static PortState Empty { get; } = new(ImmutableDictionary<string, TypedValue>.Empty, null);

    public string Type => Said.TryGetValue(PortPath.Type, out var value) ? value.StringVal : "";

    /// <summary>In bytes.</summary>
    public long Mtu => Said.TryGetValue(PortPath.Mtu, out var value) ? value.IntVal : DefaultMtu;
}
