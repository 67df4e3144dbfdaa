using System.Buffers;
using System.Text;

namespace ACCOffload.Http;

/// <summary>The head of an HTTP/1.1 request, limited to the parts used here.</summary>
/// <param name="Method">As sent.</param>
/// <param name="Path">Without the query.</param>
/// <param name="Accept">All Accept headers.</param>
public sealed record HttpRequestHead(string Method, string Path, string Accept)
{
    /// <summary>Maximum length of the head.</summary>
    public const int MaxBytes = 8 << 10;

    private static ReadOnlySpan<byte> End => "\r\n\r\n"u8;

    /// <summary>Reads a head; null if the client closes the connection early, or if the head is invalid or too long.</summary>
    public static async Task<HttpRequestHead?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MaxBytes);
        try
        {
            var length = 0;
            while (length < MaxBytes)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(length, MaxBytes - length), cancellationToken);
                if (read == 0)
                {
                    return null;
                }

                length += read;
                var end = buffer.AsSpan(0, length).IndexOf(End);
                if (end >= 0)
                {
                    return Parse(Encoding.Latin1.GetString(buffer, 0, end));
                }
            }
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Returns null if the text is not a valid head.</summary>
    internal static HttpRequestHead? Parse(string head)
    {
        var lines = head.Split("\r\n");
        var first = lines[0].Split(' ');
        if (first is not [{ Length: > 0 } method, ['/', ..] target, "HTTP/1.1" or "HTTP/1.0"])
        {
            return null;
        }

        var accept = new StringBuilder();
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
            {
                return null;
            }

            if (line.AsSpan(0, colon).Equals("Accept", StringComparison.OrdinalIgnoreCase))
            {
                accept.Append(line.AsSpan(colon + 1)).Append(',');
            }
        }
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return new HttpRequestHead(method, query < 0 ? target : target[..query], accept.ToString());
    }
}
