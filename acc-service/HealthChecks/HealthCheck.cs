namespace ACCOffload.HealthChecks;

/// <summary>What a load balancer asks about a service with <c>externalTrafficPolicy: Local</c>.</summary>
/// <param name="Namespace">The service's namespace.</param>
/// <param name="Name">The service's name.</param>
/// <param name="Port">Its <c>healthCheckNodePort</c>.</param>
/// <param name="Ready">The number of addresses with ready backends on this node.</param>
public sealed record HealthCheck(string Namespace, string Name, ushort Port, int Ready);
