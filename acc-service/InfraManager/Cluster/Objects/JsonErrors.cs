using System.Text.Json;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Turns exceptions of the JSON parser into one line that names object, field and reason.</summary>
internal static class JsonErrors
{
    /// <summary>
    /// Whether the exception was thrown by reading JSON. A string with an unpaired surrogate is valid JSON, but reading it throws
    /// <see cref="InvalidOperationException"/>.
    /// </summary>
    public static bool IsInvalid(Exception e) => e is JsonException or InvalidOperationException;

    public static KubeFormatException Wrap(string subject, Exception e) => e switch
    {
        KubeFormatException known => known,
        JsonException json => new KubeFormatException(subject, Path(json), Reason(json)),
        _ => new KubeFormatException(subject, "", "invalid Unicode in a string"),
    };

    public static string Describe(string subject, Exception e) => Wrap(subject, e).Message;

    /// <summary>The field's path, such as <c>spec.ports[0].port</c>; empty when the JSON itself is malformed.</summary>
    private static string Path(JsonException e) =>
        e.Path is null or "$" ? "" : ConfigurationError.OneLine(e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path);

    // The parser's own message names .NET types.
    private static string Reason(JsonException e) => e.Path is null or "$"
        ? $"invalid JSON (line {(e.LineNumber ?? 0) + 1}, byte {e.BytePositionInLine ?? 0})"
        : "wrong type or invalid JSON";
}

/// <summary>The API server sent malformed data. The message names the object and the field.</summary>
internal sealed class KubeFormatException(string subject, string field, string reason)
    : Exception(field.Length == 0 ? $"{subject}: {reason}" : $"{subject}: {field}: {reason}");
