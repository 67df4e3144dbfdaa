using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>
/// Keeps the compiled policy of this node's pods equal to what Felix sends. It has no UIDs of pods: an endpoint gets the policy of Felix's
/// endpoint with its name if both have the same addresses, and stays closed otherwise. Used by the programmer only.
/// </summary>
internal sealed class LocalFelixPolicies : LocalPolicies
{
    private readonly FelixPolicies _felix;
    private readonly Dictionary<string, SequenceOf<PolicyAddress>> _bound = new(StringComparer.Ordinal);
    private readonly List<RowChange> _rows = [];
    private FelixConnection? _current;
    private bool _isSynced;
    private bool _mayBind;
    private bool _hasHeld;

    /// <param name="source">What operators call this source.</param>
    /// <param name="countedRows">As of <see cref="PolicyCompiler"/>.</param>
    public LocalFelixPolicies(string source, int countedRows)
        : base(new PolicyBindings { IsOn = true, IsAwaited = true, MatchesAddresses = true }, countedRows)
    {
        // A pod that Felix does not know is closed, whatever policies there are.
        Bindings.HasPolicies = true;
        Source = source;
        _felix = new FelixPolicies(Compiler);
    }

    /// <summary>Rows that the target has are kept until Felix has sent everything: then most of them are right again.</summary>
    public override bool IsDeferred => !Bindings.IsSynced;

    public override string Source { get; }

    /// <summary>Policies and profiles.</summary>
    public override int CountOf(NetworkModel model) => _felix.Policies;

    /// <summary>Nothing of Felix's policy is stored.</summary>
    public override void Load(NetworkModel model, NodeSettings node)
    {
    }

    /// <summary>Compiles what a batch of intents carries. The rows are part of the next <see cref="Update"/>.</summary>
    /// <param name="intents">The intents, in order.</param>
    /// <param name="progress">Called after each message.</param>
    public void Take(IReadOnlyList<FelixIntent> intents, Action progress)
    {
        foreach (var intent in intents)
        {
            if (intent.Step == FelixStep.Begin)
            {
                Replace(intent.Connection);
            }
            else if (intent.Connection != _current)
            {
                intent.Connection.View = FelixView.None;
            }
            else if (intent.Step == FelixStep.End)
            {
                Replace(null);
            }
            else
            {
                foreach (var message in intent.Messages)
                {
                    var rows = _felix.Apply(message);
                    _rows.AddRange(rows);
                    _mayBind |= message is FelixEndpointUpdate or FelixEndpointRemove or FelixInSync || HasBinding(rows)
                        || (_hasHeld && rows.Count > 0);
                    progress();
                }
            }
        }

        _isSynced |= _felix.IsInSync;
    }

    public override PolicyChange? Update(NetworkModel model, NodeSettings node)
    {
        if (_rows.Count == 0 && !_mayBind && _isSynced == Bindings.IsSynced)
        {
            return null;
        }

        List<RowChange> rows = [.. _rows];
        _rows.Clear();
        return new PolicyChange(rows, ChangedPods(rows), _isSynced, HasPolicies: true);
    }

    /// <summary>Tells the connections of a batch what is in force.</summary>
    /// <param name="intents">The intents of the batch.</param>
    /// <param name="model">The endpoints.</param>
    /// <param name="isInForce">Whether the target has all rows.</param>
    public void Publish(IReadOnlyList<FelixIntent> intents, NetworkModel model, bool isInForce)
    {
        if (_current is not { } connection || !intents.Any(i => i.Connection == connection))
        {
            return;
        }

        if (!isInForce || !_felix.IsInSync)
        {
            connection.View = connection.View with { IsCurrent = true, IsInSync = _felix.IsInSync, IsInForce = isInForce };
            return;
        }

        var states = new Dictionary<FelixEndpointId, string>(_felix.Workloads.Count);
        foreach (var (id, workload) in _felix.Workloads)
        {
            states[id] = _felix.StatusOf(workload);
        }

        var problems = new List<FelixProblem>();
        foreach (var endpoint in model.Endpoints.Values)
        {
            NoteOther(endpoint, states, problems);
        }

        foreach (var problem in _felix.Problems)
        {
            if (problems.Count >= FelixView.MaxProblems)
            {
                break;
            }

            problems.Add(problem);
        }

        connection.View = new FelixView(true, true, true, states.Count, problems, states);
    }

    private static bool HasBinding(IReadOnlyList<RowChange> rows)
    {
        foreach (var change in rows)
        {
            if (change.Row is BindingRow)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Policy comes from another connection from now on, or from none: what is in force stays so.</summary>
    private void Replace(FelixConnection? next)
    {
        if (_current is { } former && former != next)
        {
            former.View = FelixView.None;
        }

        _current = next;
        if (next is null)
        {
            _felix.End();
        }
        else
        {
            _felix.Begin();
        }
    }

    /// <summary>
    /// The pods that are new, or have other addresses. One that keeps its former tables, because its new policy is not whole, keeps its
    /// former addresses, too: with others it is another pod, and closed.
    /// </summary>
    private List<PolicyPod> ChangedPods(List<RowChange> rows)
    {
        var pods = new List<PolicyPod>();
        if (!_mayBind)
        {
            return pods;
        }

        _mayBind = _hasHeld = false;
        // Removed and made again in one batch: the binding is a new one.
        var inserted = new HashSet<string>(StringComparer.Ordinal);
        foreach (var change in rows)
        {
            if (change is { Kind: RowChangeKind.Insert, Row: BindingRow binding })
            {
                inserted.Add(binding.Endpoint);
            }
        }

        foreach (var (key, policy) in Compiler.Model.Endpoints)
        {
            var isBound = _bound.TryGetValue(key, out var former);
            if (isBound && former == policy.Addresses && !inserted.Contains(key))
            {
                continue;
            }

            if (isBound && !inserted.Contains(key) && Compiler.Unresolved.Contains(key))
            {
                _hasHeld = true;
                continue;
            }

            _bound[key] = policy.Addresses;
            pods.Add(new PolicyPod(
                key, "", Compiler.SetOf(key, PolicyDirection.Egress), Compiler.SetOf(key, PolicyDirection.Ingress), policy.Addresses));
        }

        foreach (var key in _bound.Keys)
        {
            if (!Compiler.Model.Endpoints.ContainsKey(key))
            {
                _bound.Remove(key);
            }
        }

        return pods;
    }

    private void NoteOther(Endpoint endpoint, Dictionary<FelixEndpointId, string> states, List<FelixProblem> problems)
    {
        var spec = endpoint.Spec;
        if (spec.Kind != EndpointKind.Pod || spec.PodName.Length == 0)
        {
            return;
        }

        var key = PolicyBindings.KeyOf(spec);
        if (!Compiler.Model.Endpoints.TryGetValue(key, out var policy) || !policy.IsActive
            || PolicyBindings.AreSame(policy.Addresses, spec))
        {
            return;
        }

        var id = FelixEndpointId.OfPod(key);
        if (states.ContainsKey(id))
        {
            states[id] = FelixPolicies.NotEnforced;
        }

        if (problems.Count < FelixView.MaxProblems)
        {
            problems.Add(new FelixProblem(
                $"{id}",
                $"Felix has the addresses {policy.Addresses}, and the pod here has [{string.Join(", ", spec.Addresses)}]: it drops "
                    + "everything"));
        }
    }
}
