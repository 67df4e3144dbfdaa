using System.Text.Json;

namespace ACCOffload.FaithfulTarget;

/// <summary>The parts of the context JSON that P4-DPDK uses.</summary>
internal sealed class ContextFacts
{
    private ContextFacts()
    {
    }

    /// <summary>Empty if missing.</summary>
    public string CompileCommand { get; private init; } = "";

    /// <summary>The P4 name of the first table; empty if there is none.</summary>
    public string FirstTable { get; private init; } = "";

    /// <summary>Tables whose entries the data plane adds.</summary>
    public HashSet<string> Learners { get; } = [];

    /// <summary>Tables whose rows DELETE does not find, because the last part of their P4 name differs from their target name.</summary>
    public HashSet<string> Nested { get; } = [];

    /// <exception cref="JsonException">The text is not JSON or has no tables.</exception>
    public static ContextFacts Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("tables", out var tables))
        {
            throw new JsonException("the context JSON has no tables");
        }

        var facts = new ContextFacts
        {
            CompileCommand = Text(document.RootElement, "compile_command"),
            FirstTable = tables.GetArrayLength() == 0 ? "" : Text(tables[0], "name"),
        };
        foreach (var table in tables.EnumerateArray())
        {
            var name = Text(table, "name");
            if (table.TryGetProperty("add_on_miss", out var learns) && learns.ValueKind == JsonValueKind.True)
            {
                facts.Learners.Add(name);
            }

            if (name[(name.LastIndexOf('.') + 1)..] != Text(table, "target_name"))
            {
                facts.Nested.Add(name);
            }
        }

        return facts;
    }

    /// <summary>No context, for a target that does not read it.</summary>
    public static ContextFacts None() => new();

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
