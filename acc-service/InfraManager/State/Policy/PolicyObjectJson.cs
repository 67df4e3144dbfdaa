using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Stored;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>
/// The stored form of the objects that policy follows from: JSON without defaults. Property names and enumeration numbers are part of the
/// database schema, so they change only with a migration.
/// </summary>
internal static class PolicyObjectJson
{
    public static string Write(PolicyObject value) => value switch
    {
        NamespaceRecord record => JsonSerializer.Serialize(StoredNamespace.Of(record), StoredJson.Default.StoredNamespace),
        NodeRecord record => JsonSerializer.Serialize(StoredNode.Of(record), StoredJson.Default.StoredNode),
        PodRecord record => JsonSerializer.Serialize(StoredPod.Of(record), StoredJson.Default.StoredPod),
        NetworkPolicyRecord record => JsonSerializer.Serialize(StoredNetworkPolicy.Of(record), StoredJson.Default.StoredNetworkPolicy),
        ClusterPolicyRecord record => JsonSerializer.Serialize(StoredClusterPolicy.Of(record), StoredJson.Default.StoredClusterPolicy),
        _ => throw new NotSupportedException(value.ToString()),
    };

    /// <exception cref="FormatException">The text is not a valid object of that kind; names the field.</exception>
    public static PolicyObject Read(PolicyObjectKind kind, string text)
    {
        try
        {
            PolicyObject record = kind switch
            {
                PolicyObjectKind.Namespace => Read(text, StoredJson.Default.StoredNamespace).ToRecord(),
                PolicyObjectKind.Node => Read(text, StoredJson.Default.StoredNode).ToRecord(),
                PolicyObjectKind.Pod => Read(text, StoredJson.Default.StoredPod).ToRecord(),
                PolicyObjectKind.NetworkPolicy => Read(text, StoredJson.Default.StoredNetworkPolicy).ToRecord(),
                PolicyObjectKind.ClusterNetworkPolicy => Read(text, StoredJson.Default.StoredClusterPolicy).ToRecord(),
                _ => throw new FormatException($"{kind} is not a kind of object"),
            };
            PolicyObjectChecks.Check(record);
            return record;
        }
        catch (JsonException e)
        {
            throw new FormatException($"stored {kind} is invalid at {e.Path ?? "$"}: {e.Message}", e);
        }
        catch (IntentException e)
        {
            throw new FormatException($"stored {kind} is invalid: {e.Message}", e);
        }
    }

    private static T Read<T>(string text, JsonTypeInfo<T> type)
        where T : class => JsonSerializer.Deserialize(text, type) ?? throw new JsonException("is null");
}
