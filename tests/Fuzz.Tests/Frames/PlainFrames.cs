using System.Text;

namespace ACCOffload.Fuzz.Tests.Frames;

/// <summary>A simple parser of frames that uses only array indices.</summary>
internal static class PlainFrames
{
    /// <summary>All bodies up to the end or the first invalid frame.</summary>
    public static (List<byte[]> Bodies, bool Fault) Split(byte[] stream, int maxBody)
    {
        var bodies = new List<byte[]>();
        var at = 0;
        while (at < stream.Length)
        {
            if (stream.Length - at < 4)
            {
                return (bodies, true);
            }

            var length = Number(stream, at);
            if (length > maxBody || stream.Length - at - 4 < length)
            {
                return (bodies, true);
            }

            bodies.Add(stream[(at + 4)..(at + 4 + (int)length)]);
            at += 4 + (int)length;
        }

        return (bodies, false);
    }

    /// <summary>The contents of a request body; null if it is invalid.</summary>
    public static (Dictionary<string, string> Environment, byte[] Stdin)? Environment(byte[] body)
    {
        if (body.Length < 6 || body[0] != 1 || body[1] is not (1 or 2 or 3))
        {
            return null;
        }

        var length = Number(body, 2);
        if (length > body.Length - 6)
        {
            return null;
        }

        var environment = new Dictionary<string, string>();
        var start = 6;
        for (var at = 6; at < 6 + length; at++)
        {
            if (body[at] != 0)
            {
                continue;
            }

            var pair = body[start..at];
            var equals = Array.IndexOf(pair, (byte)'=');
            if (equals <= 0)
            {
                return null;
            }

            environment[Encoding.UTF8.GetString(pair[..equals])] = Encoding.UTF8.GetString(pair[(equals + 1)..]);
            start = at + 1;
        }

        return start == 6 + length ? (environment, body[(6 + (int)length)..]) : null;
    }

    private static long Number(byte[] bytes, int at) =>
        ((long)bytes[at] << 24) | ((long)bytes[at + 1] << 16) | ((long)bytes[at + 2] << 8) | bytes[at + 3];
}
