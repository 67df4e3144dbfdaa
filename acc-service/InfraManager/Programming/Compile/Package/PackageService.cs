using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>One frontend with its backends: what a package calls a service.</summary>
/// <param name="Port">The backends, and the buckets.</param>
/// <param name="Frontend">What clients send to.</param>
/// <param name="Set">Who gets new flows; no buckets where nobody does.</param>
internal readonly record struct PackageService(PortState Port, FrontendState Frontend, SetState Set)
{
    /// <summary>What the limits of a package leave of a service. Frontends that are gone are there while flows through them end.</summary>
    public static IEnumerable<PackageService> Of(ServiceState service)
    {
        for (int i = 0; i < service.Ports.Count; i++)
        {
            PortState port = service.Ports[i];
            for (int j = 0; j < port.Frontends.Count; j++)
            {
                FrontendState frontend = port.Frontends[j];
                FlowTarget target = frontend.Retired ? FlowTarget.Refuse : service.Spec.Ports[i].Frontends[j].Inside;
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
