using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace ACCOffload.HostStub.Wire;

/// <summary>Reads length-prefixed frames from a pipe.</summary>
internal static class FrameReader
{
    /// <returns>A body; null when the peer closed the connection between frames.</returns>
    /// <exception cref="FrameException">The length exceeds the limit, or the connection ended inside a frame.</exception>
    public static async ValueTask<byte[]?> ReadAsync(PipeReader reader, int maxBody, CancellationToken cancel)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancel);
            var buffer = result.Buffer;
            if (TryTake(ref buffer, maxBody, out var body))
            {
                reader.AdvanceTo(buffer.Start);
                return body;
            }
            if (result.IsCompleted)
            {
                var betweenFrames = buffer.IsEmpty;
                reader.AdvanceTo(buffer.End);
                return betweenFrames ? null : throw new FrameException("the connection ended inside a frame");
            }
            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, int maxBody, out byte[]? body)
    {
        body = null;
        if (buffer.Length < AgentRequest.LengthPrefix)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[AgentRequest.LengthPrefix];
        buffer.Slice(0, AgentRequest.LengthPrefix).CopyTo(prefix);
        var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
        if (length < 0 || length > maxBody)
        {
            throw new FrameException($"a frame of {(uint)length} bytes exceeds the limit of {maxBody}");
        }

        if (buffer.Length < AgentRequest.LengthPrefix + length)
        {
            return false;
        }

        body = buffer.Slice(AgentRequest.LengthPrefix, length).ToArray();
        buffer = buffer.Slice(AgentRequest.LengthPrefix + length);
        return true;
    }
}

/// <summary>A request or response is not valid, or exceeds a limit.</summary>
internal sealed class FrameException(string message) : Exception(message);
