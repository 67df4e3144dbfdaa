using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Cluster.Events;

// events.k8s.io/v1, the fields that are written.

internal sealed record EventDocument(
    string ApiVersion,
    string Kind,
    EventMetadataDocument Metadata,
    string EventTime,
    string ReportingController,
    string ReportingInstance,
    string Action,
    string Reason,
    ReferenceDocument Regarding,
    string Note,
    string Type,
    EventSeriesDocument? Series);

internal sealed record EventMetadataDocument(string Name, string Namespace);

internal sealed record ReferenceDocument(string ApiVersion, string Kind, string? Namespace, string Name, string? Uid);

internal sealed record EventSeriesDocument(int Count, string LastObservedTime);

/// <summary>A merge patch: everything but the series is immutable.</summary>
internal sealed record EventPatchDocument(EventSeriesDocument Series);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EventDocument))]
[JsonSerializable(typeof(EventPatchDocument))]
internal sealed partial class EventJson : JsonSerializerContext;
