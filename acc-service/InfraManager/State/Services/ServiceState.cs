using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// A service as the model holds it: what should be, and what was assigned to it. Immutable and durable; ids never change while what they
/// name is there, and are not given out again, because entries that the data plane learned hold them.
/// </summary>
/// <param name="Id">Names the owner of the service's table entries.</param>
/// <param name="Spec">As wanted; without ports when the service is gone and its last flows end.</param>
/// <param name="Ports">What was assigned, in the order of the spec's ports; ports that are gone but still drain come last.</param>
/// <param name="Ranges">The lists of source ranges that frontends name, each once.</param>
internal sealed record ServiceState(uint Id, ServiceSpec Spec, SequenceOf<PortState> Ports, SequenceOf<RangesState> Ranges)
{
    public ServiceKey Key => Spec.Key;
}

/// <summary>What was assigned to one port of a service.</summary>
/// <param name="Protocol">With the port, names it.</param>
/// <param name="Port">As in the Service.</param>
/// <param name="Frontends">An id for each frontend, and for those that are gone while a backend drains.</param>
/// <param name="Cluster">The set of <see cref="FlowTarget.Cluster"/>.</param>
/// <param name="Local">The set of <see cref="FlowTarget.Local"/>.</param>
/// <param name="Backends">Eligible ones, one for each address and port, and those that keep their flows until they are gone; in order of
/// key and id.</param>
internal sealed record PortState(
    ProtocolType Protocol,
    ushort Port,
    SequenceOf<FrontendState> Frontends,
    SetState Cluster,
    SetState Local,
    SequenceOf<BackendState> Backends);

/// <summary>A frontend that replies are translated back to.</summary>
/// <param name="Key">What clients send to.</param>
/// <param name="Id">
/// Names the address, port and protocol in the pipeline: who has them after another has the same id, as learned flows of before hold it.
/// </param>
/// <param name="Retired">It is no more, but flows through it end by themselves. What is new goes to its address as if it had never
/// been.</param>
/// <param name="Taken">Retired, and another frontend has its address and port now. When that one goes first, this one has them
/// again.</param>
internal sealed record FrontendState(FrontendKey Key, uint Id, bool Retired, bool Taken = false);

/// <summary>A set of buckets. Id 0 and no buckets: not in use.</summary>
/// <param name="Id">Names the set in the pipeline.</param>
/// <param name="Buckets">The backend's id by bucket.</param>
/// <param name="Succession">The backend's id by bucket, for flows whose backend takes no more; 0 for nobody. Empty until a backend first
/// goes: the buckets are it until then.</param>
/// <param name="Substitutes">By bucket of the succession, who took over from a backend that drains; 0 where none does, empty where none
/// does at all.</param>
internal sealed record SetState(uint Id, SequenceOf<uint> Buckets, SequenceOf<uint> Succession = default,
    SequenceOf<uint> Substitutes = default)
{
    public static SetState None { get; } = new(0, []);
}

/// <summary>
/// A list of source ranges; an empty one denies every source: that of closed frontends. Another list has another id: who may send changes
/// at once, not range by range.
/// </summary>
internal sealed record RangesState(uint Id, SequenceOf<IPNetwork> Ranges);

/// <summary>
/// A backend that may have flows. One that came back after it was taken out has another id: the flows that moved on must not be drawn back,
/// those that stayed keep the old one.
/// </summary>
/// <param name="Key">Its real address and port.</param>
/// <param name="Id">Names it in the pipeline.</param>
/// <param name="EndpointId">Names, in the pipeline, this incarnation of address, port and protocol; every service that has it gives the
/// same.</param>
/// <param name="Pod">The id of the endpoint that holds the address on this node; 0 for none. With another holder it is another
/// incarnation.</param>
/// <param name="Place">Where it is.</param>
/// <param name="Draining">Gets no new flows; those that it has go on.</param>
/// <param name="Uid">Tells the pod behind it from others that had or get the address; 0 where the cluster named none.</param>
/// <param name="Since">When it left the slices, in seconds since 1970, if it is not this node's; 0 while it is in them.</param>
internal sealed record BackendState(BackendKey Key, uint Id, uint EndpointId, long Pod, BackendPlace Place, bool Draining, ulong Uid = 0,
    long Since = 0);

/// <summary>One incarnation of a real address, port and protocol: what the pipeline's endpoint ids name.</summary>
internal readonly record struct IncarnationKey(BackendKey Key, ProtocolType Protocol, long Pod);
