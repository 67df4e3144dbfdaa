namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>What follows from a change of the port tests.</summary>
internal sealed class PortMoves
{
    /// <summary>New classes, each with the class that its ports were in: what holds for that one holds for the new one first.</summary>
    public List<(PortClass Class, PortClass Origin)> Created { get; } = [];

    /// <summary>The ports' own rows.</summary>
    public List<RowChange> Points { get; } = [];

    /// <summary>Classes without ports, whose rows can go when the ports' rows are written.</summary>
    public List<PortClass> Dead { get; } = [];
}
