namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>The API server sent something that makes no sense. The message names the object and the field.</summary>
internal sealed class KubeFormatException(string subject, string field, string reason)
    : Exception(field.Length == 0 ? $"{subject}: {reason}" : $"{subject}: {field}: {reason}")
{
    public string Subject { get; } = subject;

    public string Field { get; } = field;
}
