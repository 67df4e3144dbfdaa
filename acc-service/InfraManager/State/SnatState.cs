using System.Net;

namespace ACCOffload.InfraManager.State;

/// <summary>natOutgoing: pods' traffic to anywhere but <paramref name="Prefixes"/> gets the source <paramref name="Address"/>. Durable.</summary>
/// <param name="Address">Null: nothing is rewritten.</param>
/// <param name="Prefixes">Where a pod's own address is understood, in order; while there is none nothing is rewritten either.</param>
internal sealed record SnatState(IPAddress? Address, SequenceOf<IPNetwork> Prefixes)
{
    public static SnatState None { get; } = new(null, []);

    public bool IsActive => Address is not null && Prefixes.Count > 0;
}
