using System.Text.Json;
using System.Text.Json.Serialization;

namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>The part of the compiler's context.json that maps P4 names to names in the .spec.</summary>
internal sealed class ContextJson
{
    public List<ContextTable> Tables { get; set; } = [];

    public List<ContextExtern> Externs { get; set; } = [];

    /// <exception cref="JsonException">The text is not a context.json.</exception>
    public static ContextJson Parse(ReadOnlySpan<byte> json)
    {
        var context = JsonSerializer.Deserialize(json, ContextJsonContext.Default.ContextJson) ?? throw new JsonException("it is null");
        RefuseNull(context.Tables, "tables");
        RefuseNull(context.Externs, "externs");
        foreach (var table in context.Tables)
        {
            RefuseNull(table.MatchKeyFields, $"table {table.Name}: match_key_fields");
            RefuseNull(table.Actions, $"table {table.Name}: actions");
            RefuseNull(table.ActionDataTableRefs, $"table {table.Name}: action_data_table_refs");
            RefuseNull(table.SelectionTableRefs, $"table {table.Name}: selection_table_refs");
        }

        return context;
    }

    // The serializer checks properties, but not the elements of lists.
    private static void RefuseNull<T>(List<T> list, string name)
        where T : class
    {
        var at = list.FindIndex(e => e is null);
        if (at >= 0)
        {
            throw new JsonException($"{name}[{at}] is null");
        }
    }
}

internal sealed class ContextTable
{
    public string Name { get; set; } = "";

    public string TargetName { get; set; } = "";

    public List<ContextKeyField> MatchKeyFields { get; set; } = [];

    public List<ContextAction> Actions { get; set; } = [];

    public List<ContextReference> ActionDataTableRefs { get; set; } = [];

    public List<ContextReference> SelectionTableRefs { get; set; } = [];
}

internal sealed class ContextReference
{
    public string Name { get; set; } = "";
}

internal sealed class ContextKeyField
{
    public string Name { get; set; } = "";

    public int Position { get; set; }
}

internal sealed class ContextAction
{
    public string Name { get; set; } = "";

    public string TargetName { get; set; } = "";
}

internal sealed class ContextExtern
{
    public string Name { get; set; } = "";

    public string TargetName { get; set; } = "";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ContextJson))]
internal sealed partial class ContextJsonContext : JsonSerializerContext;
