using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>One frontend with its backends, which is what a package calls a service.</summary>
/// <param name="Port">The backends and buckets.</param>
/// <param name="Frontend">What clients send to.</param>
/// <param name="Set">The backends that get new flows; without buckets when none does.</param>
internal readonly record struct PackageService(PortState Port, FrontendState Frontend, SetState Set)
{
    /// <summary>
    /// The package services of a service within the package's limits. Retired frontends are included while flows through them continue.
    /// </summary>
    public static IEnumerable<PackageService> Of(ServiceState service)
    {
        for (var i = 0; i < service.Ports.Count; i++)
        {
            var port = service.Ports[i];
            for (var j = 0; j < port.Frontends.Count; j++)
            {
                var frontend = port.Frontends[j];
                var target = frontend.Retired ? FlowTarget.Refuse : service.Spec.Ports[i].Frontends[j].Inside;
                yield return new PackageService(port, frontend, target switch
                {
                    FlowTarget.Cluster => port.Cluster,
                    FlowTarget.Local => port.Local,
                    _ => SetState.None,
                });
            }
        }
    }
}
