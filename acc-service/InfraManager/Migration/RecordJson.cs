using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.Migration;

/// <summary>The files of release 24.01. A field that is missing or unknown makes a file unreadable.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    IgnoreReadOnlyProperties = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(Dictionary<string, EndpointRecord>))]
[JsonSerializable(typeof(Dictionary<string, ServiceRecord>))]
[JsonSerializable(typeof(Dictionary<string, ServiceEndpointRecord>))]
[JsonSerializable(typeof(SetupRecord))]
[JsonSerializable(typeof(AgentDeviceRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;
