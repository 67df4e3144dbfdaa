using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Programming;

/// <summary>What the API and ctl ask of the core; the tests of both put their own behind it.</summary>
internal interface IProgrammer
{
    ProgrammerStatus Status { get; }

    IReadOnlyList<EndpointView> Endpoints { get; }

    IReadOnlyDictionary<ServiceKey, ServiceView> Services { get; }

    SnatState Snat { get; }

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<AttachOutcome> AttachAsync(AttachIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<DetachOutcome> DetachAsync(DetachIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<SyncOutcome> SyncAsync(SyncIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<BeginOutcome> BeginAsync(BeginIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<RemovalOutcome> RemoveAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<RemovalOutcome> ResetAsync(ResetHostIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<ServiceOutcome> SetServiceAsync(ServiceIntent intent, CancellationToken cancellationToken);

    /// <exception cref="IntentException">Refused or failed.</exception>
    Task<SnatOutcome> SetSnatAsync(SnatIntent intent, CancellationToken cancellationToken);
}
