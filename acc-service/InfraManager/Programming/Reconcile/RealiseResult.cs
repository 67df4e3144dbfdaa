using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>How bringing the target to the desired state went.</summary>
/// <param name="Lost">Null, or why the target's state is not known: nothing can be promised about additions.</param>
/// <param name="Refusals">Owners of which the target refused something, definitely.</param>
internal sealed record RealiseResult(string? Lost, IReadOnlyDictionary<OwnerId, IntentException> Refusals);
