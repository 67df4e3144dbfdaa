using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Ports;
using Gnmi;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// The gNMI state of the soft target itself, at soft-target/state/LEAF and soft-target/table[name=T]/state/not-learned: faults and losses
/// that the pipeline's counters do not show. Other targets don't have this path.
/// </summary>
internal sealed class TargetState(SoftDevice device, PortManager ports, DataPlane? dataPlane)
{
    private const string Root = "soft-target";

    /// <summary>Whether a path belongs to the soft target's own state.</summary>
    public static bool IsBelow(Gnmi.Path? prefix, Gnmi.Path path) =>
        (prefix?.Elem ?? []).Concat(path.Elem).FirstOrDefault() is { Name: Root };

    /// <summary>All values.</summary>
    public IEnumerable<Update> Values()
    {
        yield return Leaf("fault", new TypedValue { StringVal = ports.Fault });
        yield return Number("ports-down", ports.Down);
        var engine = device.State?.Engine;
        var packets = engine?.Statistics ?? new SwxStatistics();
        yield return Number("truncated", packets.Truncated);
        yield return Number("no-headroom", packets.NoHeadroom);
        yield return Number("endless", packets.Endless);
        yield return Number("faulted", packets.Faulted);
        yield return Number("unroutable", dataPlane?.Unroutable ?? 0);
        foreach (var (table, count) in engine?.NotLearned ?? [])
        {
            yield return new Update
            {
                Path = new Gnmi.Path
                {
                    Elem =
                    {
                        new PathElem { Name = Root },
                        new PathElem { Name = "table", Key = { ["name"] = table } },
                        new PathElem { Name = "state" },
                        new PathElem { Name = "not-learned" },
                    },
                },
                Val = new TypedValue { UintVal = (ulong)count },
            };
        }
    }

    private static Update Number(string leaf, long value) => Leaf(leaf, new TypedValue { UintVal = (ulong)value });

    private static Update Leaf(string leaf, TypedValue value) => new()
    {
        Path = new Gnmi.Path { Elem = { new PathElem { Name = Root }, new PathElem { Name = "state" }, new PathElem { Name = leaf } } },
        Val = value,
    };
}
