using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>The watch of namespaces and pods, which runs until disposed.</summary>
internal sealed class PeerWatch : IAsyncDisposable
{
    private readonly Reflector<PolicyResource> _namespaces;
    private readonly Reflector<PolicyResource> _pods;
    private readonly CancellationTokenSource _stop;
    private readonly Task _running;

    private PeerWatch(Reflector<PolicyResource> namespaces, Reflector<PolicyResource> pods, CancellationToken cancellationToken)
    {
        _namespaces = namespaces;
        _pods = pods;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _running = Task.WhenAll(
            Task.Run(() => namespaces.RunAsync(_stop.Token), CancellationToken.None),
            Task.Run(() => pods.RunAsync(_stop.Token), CancellationToken.None));
    }

    /// <summary>One entry per kind.</summary>
    public IReadOnlyList<ReflectorStatus> Kinds => [_namespaces.Status, _pods.Status];

    public static PeerWatch Start(
        Reflector<PolicyResource> namespaces, Reflector<PolicyResource> pods, CancellationToken cancellationToken) =>
        new(namespaces, pods, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }
}
