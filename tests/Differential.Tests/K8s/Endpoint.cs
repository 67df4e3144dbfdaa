namespace ACCOffload.Differential.Tests.K8s;

/// <summary>The role of a pipeline port.</summary>
internal enum PortKind
{
    Pod,
    Host,
    Uplink,
}

/// <summary>A host that sends and receives traffic.</summary>
/// <param name="Kind">The kind of its port.</param>
/// <param name="Port">Its port.</param>
/// <param name="Mac">Its MAC address.</param>
/// <param name="Addresses">Its IPv4 addresses.</param>
internal sealed record Endpoint(PortKind Kind, uint Port, ulong Mac, uint[] Addresses);
