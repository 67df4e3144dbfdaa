using System.Text.Json.Serialization;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>How the stored forms become JSON: no defaults are written, and what is not known is refused.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    Converters = [typeof(PolicyAddressConverter), typeof(PolicyNetConverter), typeof(LabelSetConverter)])]
[JsonSerializable(typeof(StoredNamespace))]
[JsonSerializable(typeof(StoredPod))]
[JsonSerializable(typeof(StoredNode))]
[JsonSerializable(typeof(StoredNetworkPolicy))]
[JsonSerializable(typeof(StoredClusterPolicy))]
internal sealed partial class StoredJson : JsonSerializerContext;
