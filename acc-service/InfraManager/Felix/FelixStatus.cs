using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Felix;

namespace ACCOffload.InfraManager.Felix;

/// <summary>Felix as operators see it. Felix itself stays healthy when nobody reads what it sends.</summary>
/// <param name="State">How far its policy is in force.</param>
/// <param name="Delay">With <see cref="FelixState.Behind"/>: how long the oldest message that is not in force has waited.</param>
/// <param name="Endpoints">The number of endpoints in force.</param>
/// <param name="Problems">What is not enforced as it was written; at most 1,000.</param>
internal sealed record FelixStatus(FelixState State, TimeSpan Delay, int Endpoints, IReadOnlyList<FelixProblem> Problems)
{
    /// <summary>With <see cref="FelixState.NoFelix"/>: why there is none, and what to do; otherwise empty.</summary>
    public string Absence { get; private init; } = "";

    public static FelixStatus None(string absence) => new(FelixState.NoFelix, TimeSpan.Zero, 0, []) { Absence = absence };

    public override string ToString() => State switch
    {
        FelixState.NoFelix => "no Felix",
        FelixState.NotInSync => "not in sync",
        FelixState.InSync => "in sync",
        _ => string.Create(CultureInfo.InvariantCulture, $"behind by {Delay.TotalSeconds:0} s"),
    };
}
