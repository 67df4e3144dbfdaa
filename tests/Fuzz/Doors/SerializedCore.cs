using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;

namespace ACCOffload.Fuzz.Doors;

/// <summary>One request after the other, as the programmer does them: what takes long makes the others wait.</summary>
internal sealed class SerializedCore(IProgrammer inner) : IProgrammer
{
    private readonly Lock _lock = new();

    public ProgrammerStatus Status => inner.Status;

    public IReadOnlyList<EndpointView> Endpoints => Do(() => inner.Endpoints);

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => Do(() => inner.Services);

    public SnatState Snat => Do(() => inner.Snat);

    public Task<AttachOutcome> AttachAsync(AttachIntent intent, CancellationToken cancellationToken) => Do(() => inner.AttachAsync(intent, cancellationToken));

    public Task<DetachOutcome> DetachAsync(DetachIntent intent, CancellationToken cancellationToken) => Do(() => inner.DetachAsync(intent, cancellationToken));

    public Task<SyncOutcome> SyncAsync(SyncIntent intent, CancellationToken cancellationToken) => Do(() => inner.SyncAsync(intent, cancellationToken));

    public Task<BeginOutcome> BeginAsync(BeginIntent intent, CancellationToken cancellationToken) => Do(() => inner.BeginAsync(intent, cancellationToken));

    public Task<RemovalOutcome> RemoveAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken) => Do(() => inner.RemoveAsync(intent, cancellationToken));

    public Task<RemovalOutcome> ResetAsync(ResetHostIntent intent, CancellationToken cancellationToken) => Do(() => inner.ResetAsync(intent, cancellationToken));

    public Task<ServiceOutcome> SetServiceAsync(ServiceIntent intent, CancellationToken cancellationToken) => Do(() => inner.SetServiceAsync(intent, cancellationToken));

    public Task<SnatOutcome> SetSnatAsync(SnatIntent intent, CancellationToken cancellationToken) => Do(() => inner.SetSnatAsync(intent, cancellationToken));

    private T Do<T>(Func<T> work)
    {
        lock (_lock)
        {
            return work();
        }
    }
}
