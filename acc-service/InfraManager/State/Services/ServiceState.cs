using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// A service in the model: its desired state and the IDs assigned to it. Immutable and durable. An ID does not change while its object
/// exists and is not allocated again, because entries learned by the data plane refer to it.
/// </summary>
/// <param name="Id">Identifies the owner of the service's table entries.</param>
/// <param name="Spec">The desired state; without ports once the service is deleted and its last flows are ending.</param>
/// <param name="Ports">The assignments, in the order of the spec's ports; removed ports that still drain come last.</param>
/// <param name="Ranges">The distinct lists of source ranges that frontends use.</param>
internal sealed record ServiceState(uint Id, ServiceSpec Spec, SequenceOf<PortState> Ports, SequenceOf<RangesState> Ranges)
{
    public ServiceKey Key => Spec.Key;
}

/// <summary>The assignments of one service port.</summary>
/// <param name="Protocol">Identifies the port, together with its number.</param>
/// <param name="Port">As in the Service.</param>
/// <param name="Frontends">The frontends, and removed ones while the port has backends.</param>
/// <param name="Cluster">The set of <see cref="FlowTarget.Cluster"/>.</param>
/// <param name="Local">The set of <see cref="FlowTarget.Local"/>.</param>
/// <param name="Backends">Eligible backends, one per address and port, and draining ones; ordered by key and ID.</param>
internal sealed record PortState(
    ProtocolType Protocol,
    ushort Port,
    SequenceOf<FrontendState> Frontends,
    SetState Cluster,
    SetState Local,
    SequenceOf<BackendState> Backends);

/// <summary>A frontend, which replies are translated back to.</summary>
/// <param name="Key">The address, protocol and port that clients send to.</param>
/// <param name="Id">Identifies address, port and protocol in the pipeline. A later owner of the same frontend gets the same ID, because
/// learned flows refer to it.</param>
/// <param name="Retired">The frontend was removed, but its flows continue until they end. New flows to its address are treated as if it
/// never existed.</param>
/// <param name="Taken">Retired, and another frontend has the address and port now. If that one is removed first, this one gets them
/// back.</param>
internal sealed record FrontendState(FrontendKey Key, uint Id, bool Retired, bool Taken = false);

/// <summary>A set of buckets. ID 0 without buckets: not in use.</summary>
/// <param name="Id">Identifies the set in the pipeline.</param>
/// <param name="Buckets">The backend ID of each bucket.</param>
/// <param name="Succession">The backend ID of each successor bucket, for flows whose backend is gone; 0 for none. Empty until a backend
/// goes for the first time: until then the buckets are used.</param>
/// <param name="Substitutes">For each successor bucket, the backend that takes over from a draining one; 0 for none, empty when there are
/// none at all.</param>
internal sealed record SetState(uint Id, SequenceOf<uint> Buckets, SequenceOf<uint> Succession = default,
    SequenceOf<uint> Substitutes = default)
{
    public static SetState None { get; } = new(0, []);
}

/// <summary>
/// A list of source ranges; an empty one denies every source, as for closed frontends. A changed list gets a new ID, so that it takes
/// effect at once and not range by range.
/// </summary>
internal sealed record RangesState(uint Id, SequenceOf<IPNetwork> Ranges);

/// <summary>
/// A backend that may have flows. A backend that was removed and came back gets a new ID: flows that moved away stay where they are, and
/// flows that stayed keep the old ID.
/// </summary>
/// <param name="Key">The real address and port.</param>
/// <param name="Id">Identifies the backend in the pipeline.</param>
/// <param name="EndpointId">Identifies this incarnation of address, port and protocol in the pipeline; shared by all services that have
/// it.</param>
/// <param name="Pod">The ID of the endpoint that has the address on this node; 0 for none. A different endpoint makes it another
/// incarnation.</param>
/// <param name="Place">Where the backend runs.</param>
/// <param name="Draining">It gets no new flows; existing ones continue.</param>
/// <param name="Uid">Distinguishes the pod from earlier and later pods with the same address; 0 when the cluster named no pod.</param>
/// <param name="Since">When it left the slices, in Unix seconds; 0 while it is in them, and for a pod of this node.</param>
internal sealed record BackendState(BackendKey Key, uint Id, uint EndpointId, long Pod, BackendPlace Place, bool Draining, ulong Uid = 0,
    long Since = 0);

/// <summary>One incarnation of a real address, port and protocol, which an endpoint ID in the pipeline stands for.</summary>
internal readonly record struct IncarnationKey(BackendKey Key, ProtocolType Protocol, long Pod);
