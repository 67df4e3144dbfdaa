using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>Reads policies as an operator writes them: objects of the Kubernetes API as JSON. One that is wrong refuses all.</summary>
internal static class PolicyFile
{
    /// <summary>Policies in one request.</summary>
    public const int MaxObjects = 1000;

    private const string NetworkPolicy = "NetworkPolicy";
    private const string NetworkPolicyVersion = "networking.k8s.io/v1";
    private const string ClusterPolicy = "ClusterNetworkPolicy";
    private const string ClusterPolicyVersion = "policy.networking.k8s.io/v1alpha2";

    /// <summary>The policies, each once; lists are unfolded.</summary>
    /// <param name="documents">JSON texts.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the document and the field.</exception>
    public static List<PolicyResource> Read(IReadOnlyList<ReadOnlyMemory<byte>> documents)
    {
        var policies = new List<PolicyResource>();
        for (var i = 0; i < documents.Count; i++)
        {
            try
            {
                using var document = JsonDocument.Parse(documents[i]);
                Read(document.RootElement, $"document {i + 1}", isItem: false, policies);
            }
            catch (Exception e) when (JsonErrors.IsInvalid(e) || e is KubeFormatException)
            {
                throw new IntentException(IntentError.InvalidArgument, JsonErrors.Describe($"document {i + 1}", e));
            }
        }

        return policies.Count > 0 ? policies : throw new IntentException(IntentError.InvalidArgument, "there is no policy in the file");
    }

    private static void Read(JsonElement element, string subject, bool isItem, List<PolicyResource> policies)
    {
        var fields = new FieldReader(subject);
        var kind = Text(element, "kind");
        if (!isItem && kind.EndsWith("List", StringComparison.Ordinal))
        {
            if (!element.TryGetProperty("items", out var items) || items.ValueKind != JsonValueKind.Array)
            {
                throw fields.Invalid("items", "missing");
            }

            var i = 0;
            foreach (var item in items.EnumerateArray())
            {
                Read(item, $"{subject}, items[{i++}]", isItem: true, policies);
            }

            return;
        }

        var version = Text(element, "apiVersion");
        var resource = (kind, version) switch
        {
            (NetworkPolicy, NetworkPolicyVersion) => NetworkPolicyReader.Read(Bytes(element)),
            (ClusterPolicy, ClusterPolicyVersion) => ClusterPolicyReader.Read(Bytes(element)),
            (NetworkPolicy or ClusterPolicy, _) => throw fields.Invalid(
                "apiVersion",
                $"{FieldReader.Quote(version)} is not {(kind == NetworkPolicy ? NetworkPolicyVersion : ClusterPolicyVersion)}"),
            _ => throw fields.Invalid("kind", $"{FieldReader.Quote(kind)} is neither {NetworkPolicy} nor {ClusterPolicy}"),
        };
        if (policies.Exists(p => p.Key == resource.Key))
        {
            throw fields.Invalid("metadata.name", $"{resource.Key} is there twice");
        }

        if (policies.Count == MaxObjects)
        {
            throw fields.Invalid("", $"more than {MaxObjects} policies");
        }

        policies.Add(resource);
    }

    private static byte[] Bytes(JsonElement element) => System.Text.Encoding.UTF8.GetBytes(element.GetRawText());

    private static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
