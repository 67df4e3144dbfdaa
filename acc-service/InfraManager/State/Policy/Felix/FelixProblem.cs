namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>Something of Felix's policy that is not enforced as it was written.</summary>
/// <param name="Subject">The policy, set or endpoint.</param>
/// <param name="Reason">Why, and what happens instead.</param>
internal readonly record struct FelixProblem(string Subject, string Reason);
