using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.Infra;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// Builds our desired state from 24.01's databases: each endpoint and service is admitted as if the agent requested it, and then gets the
/// numbers that the rows on the target have.
/// </summary>
/// <param name="node">The node, as the printed configuration describes it.</param>
/// <param name="devices">The agent's devices.</param>
/// <param name="remarks">Learns what is not taken over.</param>
internal sealed class StateImport(NodeSettings node, AgentDevices devices, Remarks remarks)
{
    // A port of 24.01's is never ours to remove.
    private static readonly AdmissionContext Context = new() { IsForeignPort = static _ => true };

    private readonly NetworkModel _model = new();

    /// <exception cref="MigrationException">Something is refused, and which.</exception>
    public NetworkModel Create(ImportedNode imported, IReadOnlyList<ServiceRecord> services)
    {
        var admission = new AdmissionControl(_model, node);
        if (imported.Host is { } host)
        {
            Attach(admission, host, EndpointKind.Host);
        }

        CheckDevices(imported.Pods);
        foreach (var pod in imported.Pods)
        {
            Attach(admission, pod, EndpointKind.Pod);
        }

        AddServices(admission, services);
        _model.Forget();
        return _model;
    }

    /// <summary>
    /// Checks that each device is there once. The agent does not report every pod's end, and its next request would displace the former
    /// pod.
    /// </summary>
    private static void CheckDevices(IReadOnlyList<ImportedEndpoint> pods)
    {
        if (pods.GroupBy(p => p.Mac).FirstOrDefault(g => g.Count() > 1) is { } same)
        {
            throw new MigrationException($"cni_db.json: endpoints {string.Join(" and ", same.Select(p => p.Address))} both have the device "
                + $"{same.Key}; leave out the one whose pod is gone with --skip ADDRESS");
        }
    }

    private void Attach(AdmissionControl admission, ImportedEndpoint endpoint, EndpointKind kind)
    {
        var implied = VportNumbers.PortOf(endpoint.Mac);
        if (node.Devices.PortRule == PortRule.Mac && implied != endpoint.Port)
        {
            throw new MigrationException(
                $"cni_db.json: endpoint {endpoint.Address} has port {endpoint.Port}, but {endpoint.Mac} implies port "
                + $"{implied}; leave it out with --skip {endpoint.Address} if the pod is gone");
        }

        var spec = new EndpointSpec
        {
            Node = node.Name,
            Origin = ApiOrigin.InfraAgent,
            Key = kind == EndpointKind.Host ? InfraAgentRequests.HostKey : InfraAgentRequests.ImportedKey(endpoint.Address),
            Kind = kind,
            Device = DeviceKind.Tap,
            PortName = NameOf(endpoint),
            Mac = endpoint.Mac,
            Addresses = [endpoint.Address],
        };
        try
        {
            var admitted = admission.Admit(new AttachIntent(spec).Validate(node), Context).Endpoint;
            _model.Endpoints.Put(admitted with { Pointer = node.Profile.IsForE2100 ? endpoint.Pointer : 0 });
        }
        catch (IntentException e)
        {
            var remedy = kind == EndpointKind.Pod ? $"; leave it out with --skip {endpoint.Address} if the pod is gone" : "";
            throw new MigrationException($"cni_db.json: endpoint {endpoint.Address}: {e.Message}{remedy}", e);
        }
    }

    /// <summary>
    /// The name of the endpoint's port. Where port numbers derive from MAC addresses, a made-up one does: the agent's next request for the
    /// device replaces it.
    /// </summary>
    private string NameOf(ImportedEndpoint endpoint) => devices.NameOf(endpoint.Mac)
        ?? (node.Devices.PortRule == PortRule.Mac
            ? $"vport-{endpoint.Port}"
            : throw new MigrationException($"the device of endpoint {endpoint.Address} ({endpoint.Mac}) is not in the agent's folder "
                + $"{devices.Folder}, and the manager's database does not have its name; give a copy of the host's folder with "
                + $"--agent-folder, or leave the endpoint out with --skip {endpoint.Address}"));

    private void AddServices(AdmissionControl admission, IReadOnlyList<ServiceRecord> services)
    {
        var numbers = new Dictionary<ServiceRecord, ServiceNumbers>();
        foreach (var record in services)
        {
            numbers.Add(record, new ServiceNumbers(record, remarks));
        }

        CheckUnique(numbers);
        // Whatever else gets a number must not get one of these.
        _model.ServiceIds.SetLast(numbers.Values.SelectMany(n => n.All).DefaultIfEmpty().Max());
        foreach (var (record, number) in numbers)
        {
            Add(admission, record, number);
        }
    }

    private void Add(AdmissionControl admission, ServiceRecord record, ServiceNumbers numbers)
    {
        var name = $"{record.ClusterIp}:{record.Port}/{record.Proto}";
        var request = RequestOf(record);
        try
        {
            if (node.NodeAddresses.Contains(ImportedEndpoint.ParseAddress("ClusterIp", record.ClusterIp)))
            {
                remarks.Add(
                    $"service {name} is left out: it is a node port, which {node.Profile.Name} does not serve; its rows are removed");
                return;
            }

            var key = NatTranslations.KeyOf(request);
            var claim = new ServiceClaim("ClusterIp", address => $"ServiceEndPoint {address}");
            var intent = new ServiceIntent(key, NatTranslations.ToSpec(request, node)) { Claim = claim }.Validate(node);
            if (admission.Admit(intent, Context).State is { } planned)
            {
                var buckets = node.Profile.Services!.BucketsFor;
                _model.Services.Set(key, numbers.Apply(planned, buckets));
            }
        }
        catch (IntentException e)
        {
            throw new MigrationException($"services_db.json: service {name}: {e.Message}", e);
        }
    }

    private static void CheckUnique(Dictionary<ServiceRecord, ServiceNumbers> numbers)
    {
        if (numbers.Keys.GroupBy(r => r.GroupID).FirstOrDefault(g => g.Count() > 1) is { } group)
        {
            throw new MigrationException($"services_db.json: several services have the number {group.Key} "
                + $"({string.Join(", ", group.Select(r => r.ClusterIp))}); remove those that do not exist");
        }
    }

    private static NatTranslation RequestOf(ServiceRecord record)
    {
        var request = new NatTranslation
        {
            Proto = record.Proto,
            Endpoint = new NatEndpoint { Ipv4Addr = record.ClusterIp, Port = record.Port },
        };
        foreach (var backend in record.ServiceEndPoint?.Values ?? [])
        {
            request.Backends.Add(new NatEndpointTuple { DstEp = new NatEndpoint { Ipv4Addr = backend.IpAddress, Port = backend.Port } });
        }

        return request;
    }
}
