using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>
/// Keeps the model of a <see cref="PolicyCompiler"/> equal to what Felix sends. A new connection begins a new generation, which changes
/// nothing until Felix says that it is complete; it is then compared with the one in force. Nothing is refused: what cannot be enforced
/// fails closed for the endpoints that need it, and is a problem. Not thread-safe. Once Felix is the source, nothing else may change the
/// compiler's model.
/// </summary>
internal sealed class FelixPolicies(PolicyCompiler compiler, FelixLimits? limits = null)
{
    /// <summary>The state of an endpoint whose policy is not enforced as Felix wrote it.</summary>
    public const string NotEnforced = "error";

    private readonly FelixLimits _limits = limits ?? new FelixLimits();

    // IDs in the model of policies that changed with a generation: by name, where they differ from it.
    private readonly Dictionary<string, string> _ids = new(StringComparer.Ordinal);
    // Sets that have gone while an endpoint keeps tables that may need their members: by ID in the model.
    private readonly Dictionary<string, FelixSet> _kept = new(StringComparer.Ordinal);
    private FelixGeneration _inForce = new(limits ?? new FelixLimits());
    private FelixGeneration? _incoming;
    private int _number;

    /// <summary>Whether the current connection's Felix has sent everything. False before <see cref="Begin"/>.</summary>
    public bool IsInSync { get; private set; }

    /// <summary>The number of policies and profiles in force.</summary>
    public int Policies => _inForce.Policies.Count;

    /// <summary>The IDs of the endpoints in force.</summary>
    public IReadOnlyDictionary<FelixEndpointId, FelixWorkload> Workloads => _inForce.Workloads;

    /// <summary>What is not enforced as Felix wrote it, of the generation in force.</summary>
    public IEnumerable<FelixProblem> Problems => _inForce.Problems.Select(p => new FelixProblem(p.Key, p.Value))
        .Concat(compiler.Unresolved.Select(id => new FelixProblem(
            $"endpoint {id}",
            $"{Missing(id)} is missing: it keeps the policy that it had before, and drops everything if it is new")));

    /// <summary>A Felix has connected, which knows nothing of former ones. What is in force stays so until it is in sync.</summary>
    public void Begin()
    {
        _incoming = new FelixGeneration(_limits);
        IsInSync = false;
    }

    /// <summary>The connection has ended. What is in force stays so.</summary>
    public void End()
    {
        _incoming = null;
        IsInSync = false;
    }

    /// <summary>What Felix is to be told about an endpoint in force: "up", "down" or "error".</summary>
    public string StatusOf(FelixWorkload workload) =>
        workload.Problem is not null || compiler.Unresolved.Contains(workload.Id.ModelId) ? NotEnforced : workload.IsActive ? "up" : "down";

    /// <summary>Takes a message. Between <see cref="Begin"/> and <see cref="End"/> only.</summary>
    /// <returns>The changes of rows, to be written in order; none before Felix is in sync.</returns>
    public IReadOnlyList<RowChange> Apply(FelixMessage message)
    {
        var rows = new List<RowChange>();
        if (_incoming is { } incoming)
        {
            if (message is FelixInSync)
            {
                _incoming = null;
                IsInSync = true;
                Replace(incoming, rows);
                ForgetKept(rows);
            }
            else
            {
                Collect(incoming, message);
            }
        }
        else if (IsInSync)
        {
            Change(message, rows);
            ForgetKept(rows);
        }

        return rows;
    }

    private static void Collect(FelixGeneration generation, FelixMessage message)
    {
        switch (message)
        {
            case FelixSetUpdate update:
                generation.Put(update);
                break;
            case FelixSetDelta delta:
                generation.Change(delta, new FelixMemberChanges(), out _);
                break;
            case FelixSetRemove remove:
                generation.Remove(remove);
                break;
            case FelixPolicyUpdate update:
                generation.Put(update);
                break;
            case FelixPolicyRemove remove:
                generation.Remove(remove);
                break;
            case FelixEndpointUpdate update:
                generation.Put(update);
                break;
            case FelixEndpointRemove remove:
                generation.Remove(remove);
                break;
            default:
                NoteOther(generation, message);
                break;
        }
    }

    private static void NoteOther(FelixGeneration generation, FelixMessage message)
    {
        switch (message)
        {
            case FelixHostEndpoint host:
                generation.Note(
                    $"host endpoint {FelixText.Shown(host.Id)}", host.IsRemoved ? null : "host endpoints are not enforced here");
                break;
            case FelixIgnored { Problem.Length: > 0 } ignored:
                generation.Note($"message {ignored.Field}", ignored.Problem);
                break;
        }
    }

    // One message after another, in Felix's order: sets before the policies that need them, policies before endpoints.
    private void Change(FelixMessage message, List<RowChange> rows)
    {
        switch (message)
        {
            case FelixSetUpdate update:
                var former = _inForce.Sets.GetValueOrDefault(update.Id);
                ChangeSet(update.Id, former, _inForce.Put(update), rows);
                break;
            case FelixSetDelta delta:
                ChangeMembers(delta, rows);
                break;
            case FelixSetRemove remove:
                ChangeSet(remove.Id, _inForce.Remove(remove), null, rows);
                break;
            case FelixPolicyUpdate update:
                rows.AddRange(compiler.SetPolicy(IdOf(update.Id.Name), _inForce.Put(update).Rules));
                break;
            case FelixPolicyRemove remove:
                _inForce.Remove(remove);
                rows.AddRange(compiler.SetPolicy(IdOf(remove.Id.Name), null));
                break;
            case FelixEndpointUpdate update:
                SetEndpoints([(update.Id.ModelId, _inForce.Put(update).ToModel(IdOf))], rows);
                break;
            case FelixEndpointRemove remove:
                _inForce.Remove(remove);
                SetEndpoints([(remove.Id.ModelId, null)], rows);
                break;
            default:
                NoteOther(_inForce, message);
                break;
        }
    }

    private void ChangeMembers(FelixSetDelta delta, List<RowChange> rows)
    {
        var changes = new FelixMemberChanges();
        if (_inForce.Change(delta, changes, out var areBlocksChanged) is not { } set)
        {
            return;
        }

        var id = FelixSet.ModelId(delta.Id, set.IsPorts);
        if (set.Problem is not null)
        {
            Undeclare(id, rows);
        }

        changes.Apply(compiler, rows);
        Declare(id, set, areBlocksChanged, rows);
    }

    private void ChangeSet(string felixId, FelixSet? former, FelixSet? next, List<RowChange> rows)
    {
        if (former is not null && next?.IsPorts != former.IsPorts)
        {
            var gone = FelixSet.ModelId(felixId, former.IsPorts);
            Undeclare(gone, rows);
            _kept[gone] = former;
            former = null;
        }

        if (next is null)
        {
            return;
        }

        var id = FelixSet.ModelId(felixId, next.IsPorts);
        if (former is null)
        {
            _kept.Remove(id, out former);
        }

        if (next.Problem is not null)
        {
            Undeclare(id, rows);
        }

        // Members first: an endpoint that waits for the set must not see it without them.
        var changes = new FelixMemberChanges();
        next.Compare(former, changes, id);
        changes.Apply(compiler, rows);
        Declare(id, next, former is null || !former.Blocks.SetEquals(next.Blocks), rows);
    }

    private void Declare(string id, FelixSet set, bool areBlocksChanged, List<RowChange> rows)
    {
        if (set.Problem is null && (areBlocksChanged || !compiler.Model.Sets.ContainsKey(id)))
        {
            rows.AddRange(compiler.SetNets(id, set.Blocks));
        }
    }

    private void Undeclare(string id, List<RowChange> rows)
    {
        if (compiler.Model.Sets.ContainsKey(id))
        {
            rows.AddRange(compiler.SetNets(id, null));
        }
    }

    /// <summary>
    /// Compares a whole generation with the one in force: first what is new, then all endpoints at once, then what is no longer used. A
    /// policy that has changed gets a new ID, so that each endpoint goes from all of its former policies to all of its new ones.
    /// </summary>
    private void Replace(FelixGeneration next, List<RowChange> rows)
    {
        _number++;
        var formerSets = _inForce.Sets.ToDictionary(s => FelixSet.ModelId(s.Key, s.Value.IsPorts), s => s.Value, StringComparer.Ordinal);
        foreach (var (id, set) in _kept)
        {
            formerSets[id] = set;
        }

        _kept.Clear();
        var nextSets = next.Sets.ToDictionary(s => FelixSet.ModelId(s.Key, s.Value.IsPorts), s => s.Value, StringComparer.Ordinal);
        PutSets(formerSets, nextSets, rows);
        var unused = PutPolicies(next, rows);
        PutEndpoints(next, rows);
        unused.ForEach(id => rows.AddRange(compiler.SetPolicy(id, null)));
        foreach (var (id, set) in formerSets.Where(s => !nextSets.ContainsKey(s.Key)))
        {
            Undeclare(id, rows);
            _kept[id] = set;
        }

        _inForce = next;
    }

    private void PutSets(Dictionary<string, FelixSet> former, Dictionary<string, FelixSet> next, List<RowChange> rows)
    {
        var changes = new FelixMemberChanges();
        foreach (var (id, set) in next)
        {
            if (set.Problem is not null)
            {
                Undeclare(id, rows);
            }

            set.Compare(former.GetValueOrDefault(id), changes, id);
        }

        changes.Apply(compiler, rows);
        foreach (var (id, set) in next)
        {
            Declare(id, set, !former.TryGetValue(id, out var known) || !known.Blocks.SetEquals(set.Blocks), rows);
        }
    }

    /// <returns>The IDs in the model that are not used any more.</returns>
    private List<string> PutPolicies(FelixGeneration next, List<RowChange> rows)
    {
        var unused = new List<string>();
        foreach (var (name, policy) in next.Policies)
        {
            var id = IdOf(name);
            var known = compiler.Model.Policies.GetValueOrDefault(id);
            if (known is not null && known == policy.Rules)
            {
                continue;
            }

            if (known is not null)
            {
                unused.Add(id);
                _ids[name] = id = $"{name}@{_number}";
            }

            if (policy.Rules is not null)
            {
                rows.AddRange(compiler.SetPolicy(id, policy.Rules));
            }
        }

        foreach (var name in _inForce.Policies.Keys.Where(n => !next.Policies.ContainsKey(n)))
        {
            unused.Add(IdOf(name));
            _ids.Remove(name);
        }

        return unused;
    }

    private void PutEndpoints(FelixGeneration next, List<RowChange> rows)
    {
        var endpoints = next.Workloads.Values
            .DistinctBy(w => w.Id.ModelId)
            .ToDictionary(w => w.Id.ModelId, w => (EndpointPolicy?)w.ToModel(IdOf), StringComparer.Ordinal);
        foreach (var id in _inForce.Workloads.Keys.Select(k => k.ModelId))
        {
            endpoints.TryAdd(id, null);
        }

        SetEndpoints([.. endpoints.Select(e => (e.Key, e.Value))], rows);
    }

    // Felix sends endpoints again that have not changed.
    private void SetEndpoints(IEnumerable<(string Id, EndpointPolicy? Policy)> endpoints, List<RowChange> rows)
    {
        var changed = endpoints.Where(e => compiler.Model.Endpoints.GetValueOrDefault(e.Id) != e.Policy).ToList();
        if (changed.Count > 0)
        {
            rows.AddRange(compiler.SetEndpoints(changed));
        }
    }

    // Tables that an endpoint keeps ask for members of sets that have gone: without them a deny would no longer match.
    private void ForgetKept(List<RowChange> rows)
    {
        if (_kept.Count == 0 || compiler.Unresolved.Count > 0)
        {
            return;
        }

        var changes = new FelixMemberChanges();
        foreach (var (id, set) in _kept)
        {
            set.Leave(null, changes, id);
        }

        _kept.Clear();
        changes.Apply(compiler, rows);
    }

    private string IdOf(string name) => _ids.GetValueOrDefault(name) ?? name;

    private string Missing(string endpoint) =>
        (compiler.Model.Endpoints.TryGetValue(endpoint, out var policy) ? compiler.Model.MissingReference(policy) : null) ?? "something";
}
