using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>All that one Felix process has sent: a new process sends everything again, and says nothing about what has gone.</summary>
internal sealed class FelixGeneration(FelixLimits limits)
{
    private const int MaxProblems = 1000;
    // What an object takes beside its message, in bytes.
    private const int Overhead = 128;

    private readonly Dictionary<string, FelixSet> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FelixPolicy> _policies = new(StringComparer.Ordinal);
    private readonly Dictionary<FelixEndpointId, FelixWorkload> _workloads = [];
    private readonly Dictionary<string, string> _problems = new(StringComparer.Ordinal);
    private long _bytes;
    private int _members;

    /// <summary>By Felix's ID.</summary>
    public IReadOnlyDictionary<string, FelixSet> Sets => _sets;

    /// <summary>Policies and profiles, by name.</summary>
    public IReadOnlyDictionary<string, FelixPolicy> Policies => _policies;

    public IReadOnlyDictionary<FelixEndpointId, FelixWorkload> Workloads => _workloads;

    /// <summary>What is not enforced as it was written, by subject; at most 1,000.</summary>
    public IReadOnlyDictionary<string, string> Problems => _problems;

    /// <summary>Takes a whole set. Null if it exceeds a limit: the set does not exist then.</summary>
    public FelixSet? Put(FelixSetUpdate update)
    {
        Remove(new FelixSetRemove(update.Id));
        var set = FelixSet.Of(update);
        if (_members + set.Members.Count > limits.Members || _sets.Count >= limits.Sets)
        {
            Note(
                SetName(update.Id),
                $"{limits.Sets} sets with {limits.Members} members together are the limit: the set does not exist here");
            return null;
        }

        _members += set.Members.Count;
        _sets.Add(update.Id, set);
        Note(SetName(update.Id), set.Problem);
        return set;
    }

    /// <summary>Takes the members that come and go. Null if there is no such set.</summary>
    public FelixSet? Change(FelixSetDelta delta, FelixMemberChanges changes, out bool areBlocksChanged)
    {
        areBlocksChanged = false;
        if (!_sets.TryGetValue(delta.Id, out var set))
        {
            Note(SetName(delta.Id), "its members change, and it is not known");
            return null;
        }

        if (_members + delta.Added.Known.Count > limits.Members)
        {
            delta = delta with { Added = new FelixMembers([], [$"(more than {limits.Members} members in all sets)"]) };
        }

        _members -= set.Members.Count;
        areBlocksChanged = set.Apply(delta, changes, FelixSet.ModelId(delta.Id, set.IsPorts));
        _members += set.Members.Count;
        Note(SetName(delta.Id), set.Problem);
        return set;
    }

    /// <summary>Returns the set that has gone; null if there was none.</summary>
    public FelixSet? Remove(FelixSetRemove remove)
    {
        Note(SetName(remove.Id), null);
        if (_sets.Remove(remove.Id, out var former))
        {
            _members -= former.Members.Count;
        }

        return former;
    }

    public FelixPolicy Put(FelixPolicyUpdate update)
    {
        Remove(new FelixPolicyRemove(update.Id));
        var policy = Fits(update.Length)
            ? FelixPolicy.Of(update)
            : new FelixPolicy(null, $"{limits.Bytes} bytes of policies are the limit: it does not exist here", 0);
        _bytes += policy.Length + Overhead;
        _policies.Add(update.Id.Name, policy);
        Note(update.Id.Name, policy.Problem);
        return policy;
    }

    public void Remove(FelixPolicyRemove remove)
    {
        Note(remove.Id.Name, null);
        if (_policies.Remove(remove.Id.Name, out var former))
        {
            _bytes -= former.Length + Overhead;
        }
    }

    public FelixWorkload Put(FelixEndpointUpdate update)
    {
        Remove(new FelixEndpointRemove(update.Id));
        var workload = FelixWorkload.Of(
            Fits(update.Length) ? update : update with { Endpoint = new FelixEndpoint { IsMalformed = true }, Length = 0 });
        _bytes += workload.Length + Overhead;
        _workloads.Add(update.Id, workload);
        Note($"{update.Id}", workload.Problem);
        return workload;
    }

    public void Remove(FelixEndpointRemove remove)
    {
        Note($"{remove.Id}", null);
        if (_workloads.Remove(remove.Id, out var former))
        {
            _bytes -= former.Length + Overhead;
        }
    }

    /// <summary>Notes what is not enforced as it was written; with null, that there is nothing any more.</summary>
    public void Note(string subject, string? problem)
    {
        if (problem is null)
        {
            _problems.Remove(subject);
        }
        else if (_problems.Count < MaxProblems || _problems.ContainsKey(subject))
        {
            _problems[subject] = problem;
        }
    }

    private static string SetName(string id) => $"set {id}";

    private bool Fits(int length) => _bytes + length <= limits.Bytes;
}
