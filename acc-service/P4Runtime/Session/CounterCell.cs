using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.P4Runtime.Session;

/// <summary>One cell of an indexed counter.</summary>
/// <param name="Index">Index of the cell.</param>
/// <param name="Packets">Packets counted.</param>
/// <param name="Bytes">Bytes counted.</param>
public readonly record struct CounterCell(long Index, long Packets, long Bytes);

/// <summary>One cell of a register array.</summary>
/// <param name="Index">Index of the cell.</param>
/// <param name="Value">The value, big-endian, in the shortest form.</param>
public readonly record struct RegisterCell(long Index, ReadOnlyMemory<byte> Value);

/// <summary>The direct counter of one entry.</summary>
/// <param name="Key">The entry's key.</param>
/// <param name="Packets">Packets counted.</param>
/// <param name="Bytes">Bytes counted; 0 if the counter counts packets only.</param>
public readonly record struct RowCounter(EntryKey Key, long Packets, long Bytes);
