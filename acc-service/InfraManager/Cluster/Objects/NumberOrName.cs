using System.Text.Json;
using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>A port as the API has it: a number or a name.</summary>
/// <param name="Number">Null for a name.</param>
/// <param name="Name">Null for a number.</param>
internal sealed record NumberOrName(int? Number, string? Name);

internal sealed class NumberOrNameConverter : JsonConverter<NumberOrName>
{
    public override NumberOrName Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.Number when reader.TryGetInt32(out var number) => new NumberOrName(number, null),
            JsonTokenType.String => new NumberOrName(null, reader.GetString()),
            _ => throw new JsonException("neither a number nor a name"),
        };

    public override void Write(Utf8JsonWriter writer, NumberOrName value, JsonSerializerOptions options) =>
        throw new NotSupportedException();
}
