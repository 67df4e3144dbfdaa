using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The result of programming the desired state.</summary>
/// <param name="Lost">Null, or why the target's state is unknown; additions may or may not be in effect.</param>
/// <param name="Refusals">The owners whose ports or entries could not be programmed, with the reason.</param>
internal sealed record RealiseResult(string? Lost, IReadOnlyDictionary<OwnerId, IntentException> Refusals);
