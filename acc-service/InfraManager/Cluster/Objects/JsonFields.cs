using System.Text.Json;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Tells a JSON error as object, field and reason, in one line.</summary>
internal static class JsonFields
{
    /// <summary>The field's path such as <c>spec.ports[0].port</c>; empty when the JSON itself is broken.</summary>
    public static string Of(JsonException e) => e.Path is null or "$" ? "" : ConfigurationError.OneLine(e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path);

    /// <summary>Without the parser's words on .NET types.</summary>
    public static string Reason(JsonException e) => e.Path is null or "$"
        ? $"is not valid JSON (byte {e.BytePositionInLine ?? 0} of line {(e.LineNumber ?? 0) + 1})"
        : "has a value of another type, or is not valid JSON";

    /// <summary>
    /// Whether reading JSON threw it. A text with half a surrogate pair is valid JSON that is no text for .NET, which tells so by
    /// <see cref="InvalidOperationException"/>.
    /// </summary>
    public static bool IsNonsense(Exception e) => e is JsonException or InvalidOperationException;

    /// <summary>As <see cref="KubeFormatException"/> tells it.</summary>
    public static KubeFormatException Wrap(string subject, Exception e) => e switch
    {
        KubeFormatException told => told,
        JsonException json => new KubeFormatException(subject, Of(json), Reason(json)),
        _ => new KubeFormatException(subject, "", "has a text that is no valid Unicode"),
    };

    public static string Describe(string subject, Exception e) => Wrap(subject, e).Message;
}

/// <summary>The API server sent something that makes no sense. The message names the object and the field.</summary>
internal sealed class KubeFormatException(string subject, string field, string reason)
    : Exception(field.Length == 0 ? $"{subject}: {reason}" : $"{subject}: {field}: {reason}")
{
    public string Subject { get; } = subject;

    public string Field { get; } = field;
}
