namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>The identity of one connection of a Felix, and what of its policy is in force.</summary>
internal sealed class FelixConnection
{
    private volatile FelixView _view = FelixView.None;

    /// <summary>Set by the programmer before it answers; read on any thread.</summary>
    public FelixView View
    {
        get => _view;
        set => _view = value;
    }
}
