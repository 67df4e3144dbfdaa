using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// The stored form of a service: JSON. Enumeration numbers and property names are part of the database schema, so they change only with a
/// migration.
/// </summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    Converters =
    [
        typeof(AddressConverter),
        typeof(NetworkConverter),
        typeof(SequenceConverter<ServicePortSpec>),
        typeof(SequenceConverter<ServiceProblem>),
        typeof(SequenceConverter<Frontend>),
        typeof(SequenceConverter<Backend>),
        typeof(SequenceConverter<IPNetwork>),
        typeof(SequenceConverter<PortState>),
        typeof(SequenceConverter<FrontendState>),
        typeof(SequenceConverter<BackendState>),
        typeof(SequenceConverter<RangesState>),
        typeof(SequenceConverter<uint>),
    ],
    IgnoreReadOnlyProperties = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ServiceState))]
[JsonSerializable(typeof(ServicePortSpec[]))]
[JsonSerializable(typeof(ServiceProblem[]))]
[JsonSerializable(typeof(Frontend[]))]
[JsonSerializable(typeof(Backend[]))]
[JsonSerializable(typeof(IPNetwork[]))]
[JsonSerializable(typeof(PortState[]))]
[JsonSerializable(typeof(FrontendState[]))]
[JsonSerializable(typeof(BackendState[]))]
[JsonSerializable(typeof(RangesState[]))]
[JsonSerializable(typeof(uint[]))]
internal sealed partial class ServiceStateJson : JsonSerializerContext
{
    public static string Write(ServiceState state) => JsonSerializer.Serialize(state, Default.ServiceState);

    /// <exception cref="FormatException">The text is not a valid service.</exception>
    public static ServiceState Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, Default.ServiceState) ?? throw new FormatException("stored service is null");
        }
        catch (JsonException e)
        {
            throw new FormatException($"stored service is invalid: {e.Message}", e);
        }
    }
}

internal sealed class AddressConverter : JsonConverter<IPAddress>
{
    /// <summary>More addresses than a service usually has.</summary>
    private const int MaxCached = 1024;

    // A service contains each backend address twice, in the specification and in the assignment: share one object.
    [ThreadStatic]
    private static Dictionary<string, IPAddress>? _recent;

    public override IPAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.GetString() ?? "";
        var recent = _recent ??= [];
        if (recent.TryGetValue(text, out var known))
        {
            return known;
        }

        if (!IpText.TryParse(text, out var address))
        {
            throw new JsonException("not an IP address");
        }

        if (recent.Count == MaxCached)
        {
            recent.Clear();
        }

        return recent[text] = address;
    }

    public override void Write(Utf8JsonWriter writer, IPAddress value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}

internal sealed class NetworkConverter : JsonConverter<IPNetwork>
{
    public override IPNetwork Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        IpText.TryParseNetwork(reader.GetString(), out var network) ? network : throw new JsonException("not an address range");

    public override void Write(Utf8JsonWriter writer, IPNetwork value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}

internal sealed class SequenceConverter<T> : JsonConverter<SequenceOf<T>>
{
    public override SequenceOf<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        [.. JsonSerializer.Deserialize(ref reader, (JsonTypeInfo<T[]>)options.GetTypeInfo(typeof(T[])))
            ?? throw new JsonException("list is null")];

    public override void Write(Utf8JsonWriter writer, SequenceOf<T> value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, [.. value], (JsonTypeInfo<T[]>)options.GetTypeInfo(typeof(T[])));
}
