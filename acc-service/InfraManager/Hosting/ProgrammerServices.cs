using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>The programmer, as the watch sees it.</summary>
internal sealed class ProgrammerServices(Programmer programmer) : IServiceSink
{
    public IReadOnlyCollection<ServiceKey> Known => [.. programmer.GetServices().Keys];

    public bool IsKnown(ServiceKey key) => programmer.GetServices().ContainsKey(key);

    public ServiceSpec? Held(ServiceKey key) => programmer.GetServices().TryGetValue(key, out var view) ? view.State.Spec : null;

    public async Task<ServiceSpec?> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken)
    {
        var outcome = await programmer.SubmitAsync(intent, cancellationToken);
        return intent.Spec is null ? null : outcome.State?.Spec;
    }
}
