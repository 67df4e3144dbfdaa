using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Operations;

/// <summary>The host's own conditions: status, doctor and STATUS go by them. The ACC's are in <see cref="Acc.AccState"/>.</summary>
internal sealed class AgentConditions(AgentServices services, ClaimStore store, HostInterface host)
{
    /// <summary>How long a host interface that somebody else changed counts as such.</summary>
    public static readonly TimeSpan ConflictShown = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _since = new(StringComparer.Ordinal);

    /// <summary>The conditions as of now. Called regularly, so that it is known since when one does not hold.</summary>
    public IReadOnlyList<AgentCondition> Take()
    {
        var config = services.Config;
        var acc = services.Acc.State;
        var conditions = new List<AgentCondition>
        {
            AgentCondition.Of("Acc", acc.Synced ? "" : acc.Reason.Length > 0 ? acc.Reason : "not connected", preventsAdds: true),
            AgentCondition.Of("Store", store.Problem, preventsAdds: true),
            AgentCondition.Of("Ports", PortsProblem(config.PortNamespace), preventsAdds: true),
            AgentCondition.Of("Certificates", services.Acc.CertificateProblem is { Length: > 0 } problem ? $"{problem}; the files read before stay in use until they expire" : ""),
        };
        if (config.HostInterface.Enabled)
        {
            conditions.Add(AgentCondition.Of("HostInterface", host.Failure.Length > 0 ? host.Failure : Conflict(acc)));
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

    /// <summary>What has kept every ADD from working for longer than a limit, beside the ACC's side; null for nothing.</summary>
    public (AgentCondition Condition, DateTimeOffset Since)? BlockingFor(TimeSpan limit)
    {
        var now = services.Time.GetUtcNow();
        // The ACC's own absence has a rule of its own, which also knows whether it was ever there.
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

    // A file alone is not enough: what can't be opened as a namespace takes no port.
    private static string PortsProblem(string path)
    {
        try
        {
            NetNamespace.Open(path).Dispose();
            return "";
        }
        catch (LinuxException e)
        {
            return $"{(e.Errno == Errno.ENOENT ? $"{path} is not there" : e.Message)}: host-stub-ports.service makes it";
        }
    }

    private string Conflict(Acc.AccState acc) =>
        acc.HostConflictSeen is { } seen && services.Time.GetUtcNow() - seen < ConflictShown ? $"{acc.HostConflict} (seen {seen:u})" : "";
}
