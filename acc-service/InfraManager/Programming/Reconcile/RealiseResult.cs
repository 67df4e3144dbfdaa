using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The result of programming the desired state.</summary>
/// <param name="Lost">Null, or why the target's state is unknown; additions may or may not be in effect.</param>
/// <param name="Refusals">The owners of entries that the target definitely refused.</param>
internal sealed record RealiseResult(string? Lost, IReadOnlyDictionary<OwnerId, IntentException> Refusals);
