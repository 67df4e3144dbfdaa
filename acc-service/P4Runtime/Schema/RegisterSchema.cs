namespace ACCOffload.P4Runtime.Schema;

/// <summary>A register array.</summary>
/// <param name="Id">The P4Info id.</param>
/// <param name="Name">The full P4 name.</param>
/// <param name="Alias">The shortest unambiguous name.</param>
/// <param name="BitWidth">Width of a cell in bits; 0 where cells are no bit strings.</param>
/// <param name="Size">Number of cells.</param>
public sealed record RegisterSchema(uint Id, string Name, string Alias, int BitWidth, int Size);
