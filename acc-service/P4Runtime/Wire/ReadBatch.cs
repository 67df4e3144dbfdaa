using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>What one message of a Read held: its entries, or what was wrong with it.</summary>
internal sealed class ReadBatch(List<Entry> entries, string? fault)
{
    public List<Entry> Entries { get; } = entries;

    public string? Fault { get; } = fault;
}
