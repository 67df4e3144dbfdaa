using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>
/// A table of a 24.01 package, used as the 24.01 manager uses it: exact keys by name and action parameters by position, because not every
/// package documents the parameter names. The target's schema is checked once, before the first entry.
/// </summary>
internal sealed class PackageTable
{
    /// <summary>The control block of all tables in both packages.</summary>
    private const string Control = "k8s_dp_control.";

    private readonly EntryBuilder _builder;
    private readonly string[] _keys;
    private readonly Dictionary<string, (ActionSchema Action, string[] Params)> _actions = new(StringComparer.Ordinal);

    /// <param name="pipeline">The target's pipeline.</param>
    /// <param name="name">The table's name without the control block.</param>
    /// <param name="keys">The match fields, with the number of bits that their values need.</param>
    /// <param name="actions">The actions, with the number of bits that each parameter needs. None for a table that refers to
    /// groups.</param>
    /// <exception cref="P4InfoException">The target's table differs; the message names what is missing.</exception>
    public PackageTable(Pipeline pipeline, string name, (string Name, int Bits)[] keys, params (string Name, int[] Bits)[] actions)
        : this(pipeline.Table(Control + name), keys, actions)
    {
    }

    public PackageTable(TableSchema table, (string Name, int Bits)[] keys, params (string Name, int[] Bits)[] actions)
    {
        Schema = table;
        _builder = table.NewEntry();
        _keys = [.. keys.Select(k => k.Name)];
        foreach ((var key, var bits) in keys)
        {
            var field = table.Field(key);
            if (field.Kind != MatchKind.Exact)
            {
                throw new P4InfoException($"table {table.Alias} matches {key} as {field.Kind}, expected an exact match");
            }

            Fits($"match field {key}", field.BitWidth, bits);
        }

        if (table.Fields.FirstOrDefault(f => !_keys.Contains(f.Name)) is { } unknown)
        {
            throw new P4InfoException($"table {table.Alias} has an unexpected match field '{unknown.Name}'; expected are: "
                + $"{string.Join(", ", _keys)}");
        }

        foreach ((var action, var bits) in actions)
        {
            var schema = table.Action(Control + action);
            ParamSchema[] parameters = [.. schema.Params.OrderBy(p => p.Id)];
            if (parameters.Length != bits.Length)
            {
                throw new P4InfoException(
                    $"action {action} of table {table.Alias} has {parameters.Length} parameter(s), expected {bits.Length}");
            }

            for (var i = 0; i < bits.Length; i++)
            {
                Fits($"parameter {i + 1} ({parameters[i].Name}) of action {action}", parameters[i].BitWidth, bits[i]);
            }

            _actions.Add(action, (schema, [.. parameters.Select(p => p.Name)]));
        }
    }

    public TableSchema Schema { get; }

    public Entry Row(ReadOnlySpan<ulong> keys, string action, params ReadOnlySpan<ulong> values)
    {
        (var schema, var parameters) = _actions[action];
        Key(keys).Action(schema);
        for (var i = 0; i < parameters.Length; i++)
        {
            _builder.Param(parameters[i], values[i]);
        }

        return _builder.Build();
    }

    public Entry GroupRow(ReadOnlySpan<ulong> keys, uint group) => Key(keys).ProfileGroup(group).Build();

    private EntryBuilder Key(ReadOnlySpan<ulong> keys)
    {
        for (var i = 0; i < _keys.Length; i++)
        {
            _builder.Exact(_keys[i], keys[i]);
        }

        return _builder;
    }

    private void Fits(string what, int bits, int needed)
    {
        if (bits < needed)
        {
            throw new P4InfoException($"{what} of table {Schema.Alias} is {bits} bits wide, expected at least {needed}");
        }
    }
}
