using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Operations;

/// <summary>The host's conditions, for status, doctor and STATUS. The ACC's are in <see cref="AccState"/>.</summary>
internal sealed class AgentConditions(AgentServices services, ClaimStore store, HostInterface host)
{
    /// <summary>How long a conflict over the host interface is reported.</summary>
    public static readonly TimeSpan ConflictDuration = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _since = new(StringComparer.Ordinal);

    /// <summary>The current conditions. Called regularly, to record when a condition stopped holding.</summary>
    public IReadOnlyList<AgentCondition> Take()
    {
        var config = services.Config;
        var acc = services.Acc.State;
        var conditions = new List<AgentCondition>
        {
            AgentCondition.Of("Acc", acc.Synced ? "" : acc.Reason.Length > 0 ? acc.Reason : "not connected", preventsAdds: true),
            AgentCondition.Of("Store", store.Problem, preventsAdds: true),
            AgentCondition.Of("Ports", PortsProblem(config.PortNamespace), preventsAdds: true),
            AgentCondition.Of(
                "Certificates",
                services.Acc.CertificateProblem is { Length: > 0 } problem
                    ? $"{problem}; the previous files stay in use until they expire"
                    : ""),
        };
        if (config.HostInterface.Enabled)
        {
            conditions.Add(AgentCondition.Of("HostInterface", host.Problem.Length > 0 ? host.Problem : Conflict(acc)));
        }

        var now = services.Time.GetUtcNow();
        lock (_lock)
        {
            foreach (var condition in conditions)
            {
                if (condition.Ok)
                {
                    _since.Remove(condition.Name);
                }
                else
                {
                    _since.TryAdd(condition.Name, now);
                }
            }
        }
        return conditions;
    }

    /// <summary>A condition of the host that has made every ADD fail for longer than a limit; null for none.</summary>
    public (AgentCondition Condition, DateTimeOffset Since)? BlockingFor(TimeSpan limit)
    {
        var now = services.Time.GetUtcNow();
        // STATUS treats an unreachable ACC separately, depending on whether it was ever reached.
        foreach (var condition in Take().Where(c => c.PreventsAdds && c.Name != "Acc"))
        {
            lock (_lock)
            {
                if (_since.TryGetValue(condition.Name, out var since) && now - since >= limit)
                {
                    return (condition, since);
                }
            }
        }
        return null;
    }

    // The file must exist and be a namespace.
    private static string PortsProblem(string path)
    {
        try
        {
            NetNamespace.Open(path).Dispose();
            return "";
        }
        catch (LinuxException e)
        {
            return $"{(e.Errno == Errno.ENOENT ? $"{path} does not exist" : e.Message)}: host-stub-ports.service creates it";
        }
    }

    private string Conflict(AccState acc) =>
        acc.HostConflictSeen is { } seen && services.Time.GetUtcNow() - seen < ConflictDuration
            ? $"{acc.HostConflict} (seen {seen:u})"
            : "";
}
