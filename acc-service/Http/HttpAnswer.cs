namespace ACCOffload.Http;

/// <summary>A response.</summary>
/// <param name="Status">Code and reason phrase, such as <c>200 OK</c>.</param>
/// <param name="ContentType">The media type of the body.</param>
/// <param name="Body">The body.</param>
public sealed record HttpAnswer(string Status, string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>A further header, such as <c>Allow: GET</c>; empty for none.</summary>
    public string Header { get; init; } = "";

    /// <summary>A response with one line of text.</summary>
    public static HttpAnswer Line(string status, string text) =>
        new(status, "text/plain; charset=utf-8", System.Text.Encoding.UTF8.GetBytes(text + "\n"));
}
