using ACCOffload.P4Runtime.Channels;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Ports;

/// <content>The state of the ports and of the target itself, if the target reports it.</content>
public sealed partial class GnmiClient
{
    /// <summary>Losses and faults of a soft target; null for other targets.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task<TargetLosses?> GetLossesAsync(CancellationToken cancellationToken)
    {
        if (await TryGetAsync("reading the target's state", GnmiPath.Target(), cancellationToken) is not { } updates)
        {
            return null;
        }

        var (fault, down) = ("", 0UL);
        var frames = new Dictionary<string, ulong>(StringComparer.Ordinal);
        var notLearned = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var (path, value) in updates)
        {
            var leaf = path.Elem.Count > 0 ? path.Elem[^1].Name : "";
            if (path.Elem.Count > 1 && path.Elem[1].Key.TryGetValue("name", out var table))
            {
                notLearned[table] = value.UintVal;
            }
            else if (leaf == "fault")
            {
                fault = RpcFault.OneLine(value.StringVal);
            }
            else if (leaf == "ports-down")
            {
                down = value.UintVal;
            }
            else
            {
                frames[leaf] = value.UintVal;
            }
        }

        return new TargetLosses(fault, down, frames, notLearned);
    }

    /// <summary>The state of all ports by name; null if the target does not report it.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task<IReadOnlyDictionary<string, PortStatus>?> GetPortStatesAsync(CancellationToken cancellationToken)
    {
        if (await TryGetAsync("reading the state of the ports", GnmiPath.State("*"), cancellationToken) is not { } updates)
        {
            return null;
        }

        var ports = new Dictionary<string, PortStatus>(StringComparer.Ordinal);
        foreach (var (path, value) in updates)
        {
            var (name, leaf) = GnmiPath.Read(null, path);
            if (name is null)
            {
                continue;
            }

            var known = ports.GetValueOrDefault(name) ?? new PortStatus(true, "", 0);
            ports[name] = leaf switch
            {
                "oper-status" => known with { IsUp = value.StringVal == "UP" },
                "fault" => known with { Fault = RpcFault.OneLine(value.StringVal) },
                "in-errors" => known with { InErrors = value.UintVal },
                _ => known,
            };
        }

        return ports;
    }

    private async Task<IReadOnlyList<(Gnmi.Path Path, TypedValue Value)>?> TryGetAsync(
        string what, Gnmi.Path path, CancellationToken cancellationToken)
    {
        var request = new GetRequest { Type = GetRequest.Types.DataType.All, Encoding = Encoding.Proto, Path = { path } };
        try
        {
            var reply = await CallAsync(
                what, IsNotFound, client => client.GetAsync(request, Options(cancellationToken)), cancellationToken);
            return reply is null ? null : [.. reply.Notification.SelectMany(n => n.Update)
                .Where(u => u.Path is not null && u.Val is not null).Select(u => (u.Path, u.Val))];
        }
        catch (P4RuntimeException e) when (e.Code is StatusCode.Unimplemented or StatusCode.InvalidArgument)
        {
            return null;
        }
    }
}

/// <summary>A port's state on the target.</summary>
/// <param name="IsUp">Whether it forwards packets.</param>
/// <param name="Fault">Why its link can't be opened; empty if it can, or if there is no link.</param>
/// <param name="InErrors">Received frames that are shorter than the headers they announce.</param>
public sealed record PortStatus(bool IsUp, string Fault, ulong InErrors);

/// <summary>
/// Faults and losses of a soft target that its pipeline's counters do not show. Counts start at zero when the target starts.
/// </summary>
/// <param name="PortFault">Why the target cannot open the link of any port; empty if it can.</param>
/// <param name="PortsDown">The number of ports whose link is missing or cannot be opened.</param>
/// <param name="Frames">
/// Lost frames that the pipeline's counters do not show, by reason: truncated, no-headroom, endless, faulted, unroutable.
/// </param>
/// <param name="NotLearned">How often a table had no room for a new flow, by the table's name.</param>
public sealed record TargetLosses(
    string PortFault, ulong PortsDown, IReadOnlyDictionary<string, ulong> Frames, IReadOnlyDictionary<string, ulong> NotLearned);
