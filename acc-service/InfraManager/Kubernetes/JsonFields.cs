using System.Text.Json;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Kubernetes;

/// <summary>Tells a JSON error as object, field and reason, in one line.</summary>
internal static class JsonFields
{
    /// <summary>The field's path such as <c>spec.ports[0].port</c>; empty when the JSON itself is broken.</summary>
    public static string Of(JsonException e) => e.Path is null or "$" ? "" : ConfigurationError.OneLine(e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path);

    /// <summary>Without the parser's words on .NET types.</summary>
    public static string Reason(JsonException e) => e.Path is null or "$"
        ? $"is not valid JSON (byte {e.BytePositionInLine ?? 0} of line {(e.LineNumber ?? 0) + 1})"
        : "has a value of another type, or is not valid JSON";

    public static string Describe(string subject, Exception e) =>
        e is JsonException json ? new KubeFormatException(subject, Of(json), Reason(json)).Message : e.Message;
}
