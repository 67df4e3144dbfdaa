using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.V1;
using EndpointKind = ACCOffload.InfraManager.State.Values.EndpointKind;

namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>The names of pods, services and the node in flows, as they were when it was made.</summary>
internal sealed class FlowNames
{
    private const string NodeName = "node";

    private readonly Dictionary<PolicyAddress, string> _names = [];
    private readonly Dictionary<uint, (FrontendKey Key, ServiceKey Service)> _frontends = [];
    private readonly HashSet<uint> _backends = [];
    private uint _lastBackend;

    private FlowNames(IProgrammer core, IEnumerable<(PolicyAddress Address, string Pod)> pods)
    {
        foreach (var (address, pod) in pods)
        {
            _names[address] = pod;
        }

        foreach (var address in core.Node.NodeAddresses.Concat(core.Node.HostAddresses))
        {
            _names[PolicyAddress.Of(address)] = NodeName;
        }

        // The attachments here are what the pipeline forwards by.
        foreach (var spec in core.Endpoints.Select(e => e.Endpoint.Spec).Where(s => s.Kind == EndpointKind.Pod && s.PodName.Length > 0))
        {
            foreach (var address in spec.Addresses)
            {
                _names[PolicyAddress.Of(address)] = PolicyBindings.KeyOf(spec);
            }
        }

        foreach (var (key, view) in core.Services)
        {
            Add(key, view.State);
        }
    }

    /// <summary>Asks for the names. Costs the programmer's loop a walk over the cluster's pods.</summary>
    /// <exception cref="IntentException">UNAVAILABLE or RESOURCE_EXHAUSTED: not now.</exception>
    public static async Task<FlowNames> OfAsync(IProgrammer core, CancellationToken cancellationToken)
    {
        try
        {
            var pods = await core.AskPolicyAsync(
                policy => policy.Model.PolicyObjects.Values.OfType<PodRecord>().Where(p => !p.IsHostNetwork && !p.IsFinished)
                    .SelectMany(p => p.Addresses.Select(a => (a, p.Key))).ToList(),
                cancellationToken);
            return new FlowNames(core, pods);
        }
        catch (IntentException e) when (e.Code == IntentError.FailedPrecondition)
        {
            // Policy is off: the pods of other nodes are not watched.
            return new FlowNames(core, []);
        }
    }

    /// <summary>The addresses of a pod.</summary>
    /// <param name="pod">NAMESPACE/POD.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT: there is no such pod.</exception>
    public HashSet<PolicyAddress> AddressesOf(string pod)
    {
        var addresses = _names.Where(n => n.Value == pod && pod != NodeName).Select(n => n.Key).ToHashSet();
        return addresses.Count > 0
            ? addresses
            : throw IntentException.Invalid(
                "pod",
                $"no pod {ConfigurationError.OneLine(pod)} with an address: it is not attached to this node, and the cluster has not "
                + "reported it (pods of other nodes are known only while there is a policy)");
    }

    /// <summary>
    /// Whether the backend has gone, so that the flow's next packet goes to another one or is refused. A number beyond those that were
    /// known is a backend that came later.
    /// </summary>
    public bool IsGone(LiveFlow flow) => flow.BackendId != 0 && flow.BackendId <= _lastBackend && !_backends.Contains(flow.BackendId);

    public FlowInfo Describe(LiveFlow flow)
    {
        var info = new FlowInfo
        {
            Protocol = IpProtocol.NameOf(flow.Protocol),
            Client = Describe(flow.Client),
            Backend = Describe(flow.Backend),
            State = IsGone(flow) ? "backend gone" : FlowState.Of(flow),
            Expires = (flow.Timeout - flow.Idle).TotalSeconds is var seconds and > 0 ? seconds : 0,
            Idle = flow.Idle.TotalSeconds,
            FromOutside = flow.IsFromOutside,
        };
        if (flow.IsFromNode)
        {
            info.Client.Name = NodeName;
        }

        if (flow.IsMasqueraded)
        {
            info.Masqueraded = Describe(flow.Seen);
        }

        if (_frontends.TryGetValue(flow.FrontendId, out var frontend))
        {
            info.Service = frontend.Service.ToString();
            info.Asked = new FlowEndInfo { Address = frontend.Key.Address.ToString(), Port = frontend.Key.Port };
        }

        return info;
    }

    private FlowEndInfo Describe(FlowEnd end) =>
        new() { Address = end.Address.ToString(), Port = end.Port, Name = _names.GetValueOrDefault(end.Address, "") };

    private void Add(ServiceKey key, ServiceState state)
    {
        foreach (var port in state.Ports)
        {
            foreach (var frontend in port.Frontends)
            {
                // A frontend that passed to another service has one number in both.
                if (!frontend.Taken || !_frontends.ContainsKey(frontend.Id))
                {
                    _frontends[frontend.Id] = (frontend.Key, key);
                }
            }

            foreach (var backend in port.Backends)
            {
                _backends.Add(backend.Id);
                _lastBackend = Math.Max(_lastBackend, backend.Id);
            }
        }
    }
}
