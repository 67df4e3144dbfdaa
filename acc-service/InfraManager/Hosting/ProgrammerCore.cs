using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>The programmer, as the API sees it.</summary>
internal sealed class ProgrammerCore(Programmer programmer) : IProgrammer
{
    /// <summary>Why no attachment can be made although the target takes it; empty for none.</summary>
    public Func<string> Obstacle { get; set; } = static () => "";

    public ProgrammerStatus Status => programmer.GetStatus();

    public IReadOnlyList<EndpointView> Endpoints => programmer.GetEndpoints();

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => programmer.GetServices();

    public SnatState Snat => programmer.GetSnat();

    public Task<AttachOutcome> AttachAsync(AttachIntent intent, CancellationToken cancellationToken) =>
        Obstacle() is { Length: > 0 } reason
            ? throw IntentException.Away($"no port passes packets: {reason}")
            : programmer.SubmitAsync(intent, cancellationToken);

    public Task<DetachOutcome> DetachAsync(DetachIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<SyncOutcome> SyncAsync(SyncIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<BeginOutcome> BeginAsync(BeginIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<RemovalOutcome> RemoveAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<RemovalOutcome> ResetAsync(ResetHostIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<ServiceOutcome> SetServiceAsync(ServiceIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);

    public Task<SnatOutcome> SetSnatAsync(SnatIntent intent, CancellationToken cancellationToken) =>
        programmer.SubmitAsync(intent, cancellationToken);
}
