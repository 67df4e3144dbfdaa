using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <content>
/// Network policy. A change is written step by step, so that each packet is judged by the former policy or by the new one. Where the
/// order was lost, by a crash, a lost reply or a refused row, the isolated endpoints are fenced: closed first, and opened when all rows
/// are there.
/// </content>
internal sealed partial class DeviceSync
{
    // What the declared rows of the endpoints say.
    private readonly Dictionary<long, PolicySets> _declaredSets = [];
    private bool _policyDeclared;
    private bool _policyKept;

    /// <summary>The policies of this node's pods; null if policy is off.</summary>
    public LocalPolicies? Policies { get; set; }

    /// <summary>Whether the target has all rows of policy, as far as is known.</summary>
    public bool IsPolicyProgrammed => !_model.Policies.IsFenced && !Tables.HasPolicyDifferences;

    /// <summary>Whether the target's rows of policy are left as they are, because the policy is not known yet.</summary>
    private bool KeepsPolicyRows => Policies is { IsDeferred: true };

    /// <summary>Programs a change of policy, step by step, or only notes it while the target is not ready.</summary>
    public async Task RealiseAsync(PolicyChange change, CancellationToken cancellationToken)
    {
        var bindings = _model.Policies;
        Begin(change);
        // A target that cannot modify a row deletes it first: for a moment, its address or port would be in another class.
        if (!_target.Traits.CanModify && change.Rows.Any(c => c.Kind == RowChangeKind.Modify && c.Row is not BindingRow))
        {
            bindings.IsFenced = true;
        }

        // The first policy after a start finds all pods closed, so it needs no order: it is compared with the target's rows as a whole.
        var isFirst = KeepsPolicyRows;
        var isWritable = IsReady && !isFirst && await TryStepAsync(cancellationToken);
        foreach (var step in PolicySteps.Split(change.Rows))
        {
            Apply(step);
            isWritable = isWritable && !bindings.IsFenced && await TryStepAsync(cancellationToken);
        }

        End(change);
        if (isWritable || ((isFirst || bindings.IsFenced) && IsReady))
        {
            await RealiseAsync(ChangedEndpoints(), cancellationToken);
        }
        else
        {
            Declare(ChangedEndpoints());
        }

        bindings.Numbers.Trim(Policies!.Compiler);
    }

    /// <summary>Writes what a step has changed. Closes the isolated endpoints if the target refuses a row.</summary>
    /// <returns>Whether the next step may be written.</returns>
    private async Task<bool> TryStepAsync(CancellationToken cancellationToken)
    {
        var result = await RealiseAsync(ChangedEndpoints(), isPolicyStep: true, cancellationToken);
        _model.Policies.IsFenced |= result.Refusals.ContainsKey(OwnerId.Policy);
        return result.Lost is null && !_model.Policies.IsFenced;
    }

    /// <summary>What closes endpoints takes effect before the rows change.</summary>
    private void Begin(PolicyChange change)
    {
        var bindings = _model.Policies;
        bindings.HasPolicies |= change.HasPolicies;
        foreach (var pod in change.Pods.Where(p => bindings.IsOther(p.Key, p.Uid, p.Addresses)))
        {
            bindings.Forget(pod.Key);
        }
    }

    /// <summary>What opens endpoints takes effect after the rows have changed.</summary>
    private void End(PolicyChange change)
    {
        var bindings = _model.Policies;
        foreach (var pod in change.Pods)
        {
            bindings.Set(pod.Key, pod.Uid, pod.Egress, pod.Ingress, pod.Addresses);
        }

        bindings.HasPolicies = change.HasPolicies;
        bindings.IsSynced = change.IsSynced;
    }

    private void Apply(List<RowChange> step)
    {
        foreach (var change in step)
        {
            if (change.Row is BindingRow)
            {
                _model.Policies.Apply(change);
            }
            else if (_policyDeclared && _compiler!.CompilePolicy(change.Row, _model.Policies.Numbers) is { } entry)
            {
                if (change.Kind == RowChangeKind.Delete)
                {
                    Tables.Unwant(entry.Key);
                }
                else
                {
                    Tables.Want(entry);
                }
            }
        }
    }

    /// <summary>Declares all rows after the first read-back of a pipeline, under the numbers that the target has for them.</summary>
    private void DeclarePolicy()
    {
        if (_policyDeclared || _compiler is not { } compiler || Policies is not { } policies)
        {
            return;
        }

        if (KeepsPolicyRows)
        {
            KeepPolicy();
            return;
        }

        _policyDeclared = true;
        var order = _node.Profile.Order;
        var found = new PolicyTargetRows();
        foreach (var entry in Tables.ActualOf(t => order.IsPolicyTable(t) || order.IsPodRoute(t)))
        {
            compiler.ReadPolicy(entry, found);
        }

        Tables.UnwantPolicy();
        var numbers = new PolicyNumbering();
        numbers.Adopt(found, policies.Compiler, pod => policies.Compiler.Model.Endpoints[pod].Addresses);
        _model.Policies.Numbers = numbers;
        foreach (var row in policies.Compiler.Rows)
        {
            if (compiler.CompilePolicy(row, numbers) is { } entry)
            {
                Tables.Want(entry);
            }
        }

        _progress();
    }

    /// <summary>Declares the rows of policy that the target has, so that they stay until the policy is known.</summary>
    private void KeepPolicy()
    {
        if (_policyKept)
        {
            return;
        }

        _policyKept = true;
        foreach (var entry in Tables.ActualOf(_node.Profile.Order.IsPolicyTable).ToList())
        {
            Tables.Want(entry);
        }

        _progress();
    }

    private void ForgetPolicy()
    {
        _policyDeclared = _policyKept = false;
        _declaredSets.Clear();
    }

    /// <summary>The endpoints whose declared rows name other sets than they should.</summary>
    private List<OwnerId> ChangedEndpoints() =>
    [
        .. _model.Endpoints.Values
            .Where(e => _declared.ContainsKey(e.Id) && _declaredSets.GetValueOrDefault(e.Id) != _model.Policies.Of(e))
            .Select(e => OwnerId.OfEndpoint(e.Id)),
    ];
}
