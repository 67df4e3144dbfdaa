using P4.Config.V1;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>The tables, counters and other objects of a compiled pipeline, by alias or full P4 name. Immutable.</summary>
public sealed class Pipeline
{
    private readonly Dictionary<string, TableSchema> _tablesByName = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, TableSchema> _tablesById = [];
    private readonly List<TableSchema> _tables = [];
    private readonly List<CounterSchema> _counters = [];
    private readonly List<RegisterSchema> _registers = [];
    private readonly List<ActionProfileSchema> _profiles = [];

    private Pipeline(P4Info info)
    {
        Info = info;
        Name = info.PkgInfo is { Name.Length: > 0 } package ? package.Name : "pipeline";
        var actions = new Dictionary<uint, P4.Config.V1.Action>();
        foreach (var action in info.Actions)
        {
            var (id, _, alias) = TableDescription.NameOf(action.Preamble ?? new Preamble());
            if (!actions.TryAdd(id, action))
            {
                throw new P4InfoException($"action {alias} has the same id 0x{id:x8} as another action");
            }
        }

        foreach (var table in info.Tables)
        {
            Add(new TableSchema(this, new TableDescription(table, actions)));
        }

        foreach (var profile in info.ActionProfiles)
        {
            _profiles.Add(new ActionProfileSchema(this, info, profile, actions));
        }

        foreach (var counter in info.Counters)
        {
            var (id, name, alias) = TableDescription.NameOf(counter.Preamble ?? new Preamble());
            var unit = counter.Spec?.Unit ?? CounterSpec.Types.Unit.Unspecified;
            _counters.Add(new CounterSchema(
                id, name, alias, counter.Size, unit != CounterSpec.Types.Unit.Bytes, unit != CounterSpec.Types.Unit.Packets));
        }

        foreach (var register in info.Registers)
        {
            var (id, name, alias) = TableDescription.NameOf(register.Preamble ?? new Preamble());
            _registers.Add(new RegisterSchema(id, name, alias, register.TypeSpec?.Bitstring?.Bit?.Bitwidth ?? 0, register.Size));
        }

        PacketIn = Header(info, "packet_in");
        PacketOut = Header(info, "packet_out");
    }

    /// <summary>The package name in the P4Info.</summary>
    public string Name { get; }

    /// <summary>The P4Info that the pipeline was built from. Do not modify it.</summary>
    public P4Info Info { get; }

    /// <summary>All tables, in P4Info order.</summary>
    public IReadOnlyList<TableSchema> Tables => _tables;

    /// <summary>All indexed counters.</summary>
    public IReadOnlyList<CounterSchema> Counters => _counters;

    /// <summary>All registers.</summary>
    public IReadOnlyList<RegisterSchema> Registers => _registers;

    /// <summary>Metadata of packets to the controller; null if the pipeline defines none.</summary>
    public PacketHeaderSchema? PacketIn { get; }

    /// <summary>Metadata of packets from the controller; null if the pipeline defines none.</summary>
    public PacketHeaderSchema? PacketOut { get; }

    /// <summary>Reads a P4Info.</summary>
    /// <exception cref="P4InfoException">Ids or names are missing or duplicated, or a width or match kind is not supported.</exception>
    public static Pipeline FromP4Info(P4Info info)
    {
        ArgumentNullException.ThrowIfNull(info);
        return new Pipeline(info);
    }

    /// <summary>The table with that alias or full name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public TableSchema Table(string nameOrAlias) =>
        _tablesByName.TryGetValue(nameOrAlias, out var table)
            ? table
            : throw P4InfoException.Missing($"pipeline {Name}", "table", nameOrAlias, _tables.Select(t => t.Alias));

    /// <summary>The table with that P4Info id, or null.</summary>
    public TableSchema? TryTable(uint id) => _tablesById.GetValueOrDefault(id);

    /// <summary>The action profile with that alias or full name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public ActionProfileSchema ActionProfile(string nameOrAlias) =>
        _profiles.Find(p => p.Alias == nameOrAlias || p.Name == nameOrAlias)
        ?? throw P4InfoException.Missing($"pipeline {Name}", "action profile", nameOrAlias, _profiles.Select(p => p.Alias));

    /// <summary>The indexed counter with that alias or full name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public CounterSchema Counter(string nameOrAlias) =>
        _counters.Find(c => c.Alias == nameOrAlias || c.Name == nameOrAlias)
        ?? throw P4InfoException.Missing($"pipeline {Name}", "counter", nameOrAlias, _counters.Select(c => c.Alias));

    /// <summary>The register with that alias or full name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public RegisterSchema Register(string nameOrAlias) =>
        _registers.Find(r => r.Alias == nameOrAlias || r.Name == nameOrAlias)
        ?? throw P4InfoException.Missing($"pipeline {Name}", "register", nameOrAlias, _registers.Select(r => r.Alias));

    internal TableSchema? TryProfile(uint id, TableKind kind)
    {
        foreach (var profile in _profiles)
        {
            if (profile.Id == id)
            {
                return kind == TableKind.ProfileMembers ? profile.Members : profile.Groups;
            }
        }

        return null;
    }

    private static PacketHeaderSchema? Header(P4Info info, string name)
    {
        foreach (var header in info.ControllerPacketMetadata)
        {
            if (header.Preamble is { } preamble && (preamble.Name == name || preamble.Alias == name))
            {
                return new PacketHeaderSchema(
                    preamble.Name, [.. header.Metadata.Select(m => new PacketFieldSchema(m.Id, m.Name, m.Bitwidth))]);
            }
        }

        return null;
    }

    private void Add(TableSchema table)
    {
        if (!_tablesById.TryAdd(table.Id, table)
            || !_tablesByName.TryAdd(table.Name, table)
            || (table.Alias != table.Name && !_tablesByName.TryAdd(table.Alias, table)))
        {
            throw new P4InfoException(
                $"table {table.Name} has the same id (0x{table.Id:x8}), name or alias ({table.Alias}) as another table");
        }

        _tables.Add(table);
    }
}

/// <summary>An indexed counter.</summary>
/// <param name="Id">The P4Info id.</param>
/// <param name="Name">The full P4 name.</param>
/// <param name="Alias">The shortest unambiguous name.</param>
/// <param name="Size">Number of cells.</param>
/// <param name="CountsPackets">Whether packets are counted.</param>
/// <param name="CountsBytes">Whether bytes are counted.</param>
public sealed record CounterSchema(uint Id, string Name, string Alias, long Size, bool CountsPackets, bool CountsBytes);

/// <summary>A register array.</summary>
/// <param name="Id">The P4Info id.</param>
/// <param name="Name">The full P4 name.</param>
/// <param name="Alias">The shortest unambiguous name.</param>
/// <param name="BitWidth">Width of a cell in bits; 0 if cells are not bit strings.</param>
/// <param name="Size">Number of cells.</param>
public sealed record RegisterSchema(uint Id, string Name, string Alias, int BitWidth, int Size);

/// <summary>The metadata that accompanies packets between the pipeline and the controller (<c>packet_in</c>, <c>packet_out</c>).</summary>
/// <param name="Name">Full P4 name of the header.</param>
/// <param name="Fields">The metadata fields in P4Info order.</param>
public sealed record PacketHeaderSchema(string Name, IReadOnlyList<PacketFieldSchema> Fields);

/// <summary>One metadata field of a packet header.</summary>
/// <param name="Id">The P4Info id, unique in its header.</param>
/// <param name="Name">The P4Info name.</param>
/// <param name="BitWidth">Width in bits.</param>
public sealed record PacketFieldSchema(uint Id, string Name, int BitWidth);
