namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Collects what a Felix has sent. It cannot be undone once it is compiled, so that happens after the decision on the batch is final.
/// </summary>
internal sealed class FelixAdmission
{
    private readonly List<FelixIntent> _taken = [];

    /// <summary>The intents of the batch, in order.</summary>
    public IReadOnlyList<FelixIntent> Taken => _taken;

    public void Take(FelixIntent intent) => _taken.Add(intent);

    public void Clear() => _taken.Clear();
}
