namespace ACCOffload.InfraManager.State.Services;

/// <summary>Replaces the IDs of a service. Pure apart from allocating the new IDs.</summary>
internal static class Renumbering
{
    /// <summary>All IDs in use by the service; includes 0 where an ID is not set.</summary>
    public static IEnumerable<uint> NumbersOf(ServiceState service) => service.Ports.SelectMany(p => p.Frontends.Select(f => f.Id)
            .Concat(p.Backends.SelectMany(b => new[] { b.Id, b.EndpointId })).Append(p.Cluster.Id).Append(p.Local.Id))
        .Concat(service.Ranges.Select(r => r.Id)).Append(service.Id);

    /// <param name="service">The service.</param>
    /// <param name="other">Maps each ID to its replacement; the same one each time.</param>
    public static ServiceState Of(ServiceState service, Func<uint, uint> other) => service with
    {
        Id = other(service.Id),
        Ports = [.. service.Ports.Select(p => p with
        {
            Frontends = [.. p.Frontends.Select(f => f with { Id = other(f.Id) })],
            Cluster = Of(p.Cluster, other),
            Local = Of(p.Local, other),
            Backends = [.. p.Backends.Select(b => b with { Id = other(b.Id), EndpointId = other(b.EndpointId) })],
        })],
        Ranges = [.. service.Ranges.Select(r => r with { Id = other(r.Id) })],
    };

    private static SetState Of(SetState set, Func<uint, uint> other) =>
        new(other(set.Id), [.. set.Buckets.Select(other)], [.. set.Succession.Select(other)], [.. set.Substitutes.Select(other)]);
}
