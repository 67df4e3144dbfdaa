using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>What of a Felix's policy is in force, after a batch of its messages.</summary>
/// <param name="IsCurrent">Whether the connection is the one that policy comes from. If not, none of its messages has any effect.</param>
/// <param name="IsInSync">Whether it has sent everything.</param>
/// <param name="IsInForce">Whether the target has all rows. The other values are as before until it does.</param>
/// <param name="Endpoints">The number of endpoints.</param>
/// <param name="Problems">What is not enforced as it was written; at most <see cref="MaxProblems"/>.</param>
/// <param name="States">What Felix is to be told about each endpoint: "up", "down" or "error".</param>
internal sealed record FelixView(
    bool IsCurrent, bool IsInSync, bool IsInForce, int Endpoints, IReadOnlyList<FelixProblem> Problems,
    IReadOnlyDictionary<FelixEndpointId, string> States)
{
    /// <summary>As many problems as are kept of each kind.</summary>
    public const int MaxProblems = 1000;

    /// <summary>A connection from which policy does not come, or not yet.</summary>
    public static FelixView None { get; } = new(false, false, false, 0, [], new Dictionary<FelixEndpointId, string>());
}
