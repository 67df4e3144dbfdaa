namespace ACCOffload.P4Runtime.Entries;

/// <summary>An entry with what its direct counter has counted.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Packets">Packets counted; the target starts at 0 when the entry is inserted.</param>
public readonly record struct CountedEntry(Entry Entry, long Packets);
