using System.Collections.Frozen;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// The methods of infra.InfraAgent with which a 24.01 agent forwards what its Felix sends: one for each kind of message. Source:
/// proto/infra.proto and pkg/policy/policy_server.go of ipdk-io/k8s-infra-offload, v24.01. The agent keeps these to itself: in_sync,
/// config_update, the pools, WireGuard, BGP, and all that is newer than its copy of Felix's protocol, such as encapsulation.
/// </summary>
internal static class AgentPolicyMethods
{
    public const string Service = "infra.InfraAgent";

    /// <summary>The number of the field of ToDataplane that contains the method's request.</summary>
    public static FrozenDictionary<string, int> Fields { get; } = new Dictionary<string, int>
    {
        ["UpdateIPSet"] = ToDataplane.SetUpdate,
        ["UpdateIPSetDelta"] = ToDataplane.SetDelta,
        ["RemoveIPSet"] = ToDataplane.SetRemove,
        ["UpdateActiveProfile"] = ToDataplane.ProfileUpdate,
        ["RemoveActiveProfile"] = ToDataplane.ProfileRemove,
        ["ActivePolicyUpdate"] = ToDataplane.PolicyUpdate,
        ["ActivePolicyRemove"] = ToDataplane.PolicyRemove,
        ["UpdateHostEndpoint"] = ToDataplane.HostEndpointUpdate,
        ["RemoveHostEndpoint"] = ToDataplane.HostEndpointRemove,
        ["UpdateLocalEndpoint"] = ToDataplane.EndpointUpdate,
        ["RemoveLocalEndpoint"] = ToDataplane.EndpointRemove,
        // These have no effect here.
        ["UpdateHostMetaData"] = 14,
        ["RemoveHostMetaData"] = 18,
        ["UpdateServiceAccount"] = 19,
        ["RemoveServiceAccount"] = 20,
        ["UpdateNamespace"] = 21,
        ["RemoveNamespace"] = 22,
        ["UpdateRoute"] = 23,
        ["RemoveRoute"] = 24,
        ["UpdateVXLANTunnelEndpoint"] = 25,
        ["RemoveVXLANTunnelEndpoint"] = 26,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenSet<string> Paths = Fields.Keys.Select(m => $"/{Service}/{m}").ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether the path of a request is that of one of the methods.</summary>
    public static bool Has(string path) => Paths.Contains(path);
}
