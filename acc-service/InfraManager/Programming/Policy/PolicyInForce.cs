using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>
/// What the programmer shows to a question about policy. It belongs to the loop: a question may only read it, and nothing of it may be kept
/// but immutable records.
/// </summary>
/// <param name="Model">The desired state.</param>
/// <param name="Policies">The compiled policy of this node's pods.</param>
/// <param name="Node">The node's settings in effect.</param>
/// <param name="PortOf">The pipeline number of a port by name; null while unknown.</param>
/// <param name="IsReady">Whether the target is primary and its rows were read back.</param>
/// <param name="Revision">Changes whenever rows of policy may have been written.</param>
internal sealed record PolicyInForce(
    NetworkModel Model, LocalPolicies Policies, NodeSettings Node, Func<string, uint?> PortOf, bool IsReady, long Revision)
{
    public PolicyCompiler Compiler => Policies.Compiler;

    public PolicyBindings Bindings => Policies.Bindings;

    /// <summary>The attachments of pods that policies may select.</summary>
    public IEnumerable<Endpoint> Pods =>
        Model.Endpoints.Values.Where(e => e.Spec.Kind == EndpointKind.Pod && e.Spec.PodName.Length > 0);

    /// <summary>The endpoint of a pod of this node; null if there is none.</summary>
    /// <param name="pod">Namespace, slash, name.</param>
    public Endpoint? FindPod(string pod) => Pods.Where(e => PolicyBindings.KeyOf(e.Spec) == pod).MinBy(e => e.Id);

    /// <summary>The policies of an endpoint; null if none applies, as before any was listed and where there is no cluster to ask.</summary>
    public EndpointPolicy? PolicyOf(Endpoint endpoint) => Bindings.IsSynced && Bindings.HasPolicies
        ? Compiler.Model.Endpoints.GetValueOrDefault(PolicyBindings.KeyOf(endpoint.Spec))
        : null;

    /// <summary>The set of an endpoint in one direction, as the target numbers it.</summary>
    public uint SetOf(Endpoint endpoint, PolicyDirection direction)
    {
        var sets = Bindings.Of(endpoint);
        return direction == PolicyDirection.Egress ? sets.Egress : sets.Ingress;
    }

    /// <summary>Why everything of an endpoint is dropped in a direction, whatever its policies say; empty if it is not.</summary>
    public string ClosedBecause(Endpoint endpoint, PolicyDirection direction)
    {
        if (SetOf(endpoint, direction) != PolicySets.PendingSet)
        {
            return "";
        }

        if (!Bindings.IsSynced)
        {
            return Policies.IsOfCluster ? "the cluster's policies have not been listed yet" : "no Felix has sent its policies yet";
        }

        var uid = Bindings.UidOf(PolicyBindings.KeyOf(endpoint.Spec));
        if (uid is null)
        {
            return Policies.IsOfCluster ? "the API server has not reported this pod yet" : "Felix does not know this pod yet";
        }

        if (Policies.IsOfCluster && !PolicyBindings.IsSame(uid, endpoint.Spec.PodUid))
        {
            return $"the API server knows a pod of this name with UID {uid}, and the attachment is of {endpoint.Spec.PodUid}";
        }

        return Bindings.IsFenced || Policies.IsOfCluster
            ? "the target's rows differ from the policies, and are being written or were refused (see ctl status)"
            : "Felix knows this pod with other addresses";
    }
}
