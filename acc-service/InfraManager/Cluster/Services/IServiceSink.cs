using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>Who makes services so: the programmer.</summary>
internal interface IServiceSink
{
    /// <summary>The services that the watch made, now or before a restart.</summary>
    IReadOnlyCollection<ServiceKey> Known { get; }

    bool IsKnown(ServiceKey key);

    /// <summary>What is in force of the service; null for nothing.</summary>
    ServiceSpec? Held(ServiceKey key);

    /// <summary>Returns when it holds durably and on the target.</summary>
    /// <returns>The specification as it is held, equal to the intent's; null where the service is gone.</returns>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    Task<ServiceSpec?> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken);
}
