namespace ACCOffload.Differential.K8s;

/// <summary>What a port of the pipeline is for.</summary>
internal enum PortKind
{
    Pod,
    Host,
    Uplink,
}

/// <summary>One end of the traffic.</summary>
/// <param name="Kind">Kind of its port.</param>
/// <param name="Port">Its port.</param>
/// <param name="Mac">Its MAC address.</param>
/// <param name="Addresses">Its IPv4 addresses.</param>
internal sealed record Endpoint(PortKind Kind, uint Port, ulong Mac, uint[] Addresses);
