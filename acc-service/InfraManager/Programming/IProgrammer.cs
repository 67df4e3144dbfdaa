using System.Net;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming;

/// <summary>The programmer as seen by the APIs, ctl and the cluster watch. Thread-safe.</summary>
internal interface IProgrammer
{
    /// <summary>A consistent snapshot after the last batch; queue and connection are current.</summary>
    ProgrammerStatus Status { get; }

    /// <summary>Whether changes are being applied: the loop runs and is not stuck.</summary>
    bool IsHealthy { get; }

    /// <summary>The endpoints after the last batch, oldest first.</summary>
    IReadOnlyList<EndpointView> Endpoints { get; }

    /// <summary>The services after the last batch.</summary>
    IReadOnlyDictionary<ServiceKey, ServiceView> Services { get; }

    /// <summary>The masquerading configuration after the last batch.</summary>
    SnatState Snat { get; }

    /// <summary>The node's settings in effect after the last batch: the configuration, completed by what the cluster says.</summary>
    NodeSettings Node { get; }

    /// <summary>The cluster's other nodes after the last batch.</summary>
    IEnumerable<RemoteNodeView> RemoteNodes { get; }

    /// <summary>The neighbours on the uplink network after the last batch.</summary>
    IEnumerable<Neighbor> Neighbors { get; }

    /// <summary>The addresses on the uplink network that routes and other nodes need resolved.</summary>
    IReadOnlySet<IPAddress> NextHops { get; }

    /// <summary>Raised by the loop after <see cref="NextHops"/> has changed.</summary>
    event Action? NextHopsChanged;

    /// <summary>
    /// Validates and executes an intent. Returns when the change is durable and programmed on the target; a removal waits for the target
    /// only if it is reachable.
    /// </summary>
    /// <exception cref="IntentException">Refused or failed; nothing was changed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up. If the programmer had taken the intent already, it is still
    /// executed.</exception>
    Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken);

    /// <summary>
    /// Asks for the policy in force. The programmer answers between two batches, so that the question sees no half of a change. It runs in
    /// the programmer's loop: it must only read, and take at most some milliseconds.
    /// </summary>
    /// <exception cref="IntentException">FAILED_PRECONDITION: policy is off; UNAVAILABLE or RESOURCE_EXHAUSTED: not now.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    Task<T> AskPolicyAsync<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken);
}
