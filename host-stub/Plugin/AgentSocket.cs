using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>One synchronous request to the agent, every wait in it limited.</summary>
internal static unsafe class AgentSocket
{
    // A restart of the agent takes less; who asks in between should not notice.
    private static readonly TimeSpan RestartPatience = TimeSpan.FromSeconds(1);

    /// <param name="path">The agent's socket.</param>
    /// <param name="frame">The request.</param>
    /// <param name="limit">Of the whole: connection, request and answer.</param>
    /// <exception cref="AgentUnavailableException">There was no answer.</exception>
    /// <exception cref="FrameException">The answer makes no sense.</exception>
    public static AgentResponse Ask(string path, byte[] frame, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        var fd = Connect(path, started, limit);
        try
        {
            Limit(fd, started, limit);
            Send(fd, frame, path);
            var prefix = new byte[AgentRequest.LengthPrefix];
            Receive(fd, prefix, path, started, limit);
            var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
            if (length is < 0 or > AgentResponse.MaxBody)
            {
                throw new FrameException($"the agent's answer of {(uint)length} bytes is over the limit of {AgentResponse.MaxBody}");
            }

            var body = new byte[length];
            Receive(fd, body, path, started, limit);
            return AgentResponse.Decode(body);
        }
        finally
        {
            _ = Libc.Close(fd);
        }
    }

    private static int Connect(string path, long started, TimeSpan limit)
    {
        var address = new Libc.UnixAddress { Family = Libc.Unix };
        var length = Encoding.UTF8.GetBytes(path, new Span<byte>(address.Path, 107));
        while (true)
        {
            var fd = Libc.Socket(Libc.Unix, Libc.StreamCloseOnExec, 0);
            if (fd < 0)
            {
                throw new AgentUnavailableException($"no socket: {Marshal.GetLastPInvokeErrorMessage()}");
            }

            Limit(fd, started, limit);
            if (Libc.Connect(fd, &address, (uint)(sizeof(ushort) + length + 1)) == 0)
            {
                return fd;
            }

            var error = Marshal.GetLastPInvokeError();
            var reason = Marshal.GetLastPInvokeErrorMessage();
            _ = Libc.Close(fd);
            if (error == Libc.TryAgain)
            {
                throw new AgentUnavailableException($"the host-stub agent on {path} takes no more connections: it hangs, or has too much to do");
            }

            if (error is not (Libc.NotFound or Libc.Refused or Libc.Interrupted) || Stopwatch.GetElapsedTime(started) > RestartPatience)
            {
                throw new AgentUnavailableException($"the host-stub agent does not answer on {path}: {reason}; is it running?");
            }

            _ = Libc.Poll(null, 0, 20);
        }
    }

    // What is left of the limit; zero would mean no limit at all.
    private static void Limit(int fd, long started, TimeSpan limit)
    {
        var left = limit - Stopwatch.GetElapsedTime(started);
        var microseconds = Math.Max((long)left.TotalMicroseconds, 1000);
        var value = new Libc.TimeValue { Seconds = (nint)(microseconds / 1_000_000), Microseconds = (nint)(microseconds % 1_000_000) };
        _ = Libc.SetSocketOption(fd, Libc.SocketLevel, Libc.SendTimeout, &value, (uint)sizeof(Libc.TimeValue));
        _ = Libc.SetSocketOption(fd, Libc.SocketLevel, Libc.ReceiveTimeout, &value, (uint)sizeof(Libc.TimeValue));
    }

    private static void Send(int fd, ReadOnlySpan<byte> bytes, string path)
    {
        while (!bytes.IsEmpty)
        {
            nint sent;
            fixed (byte* at = bytes)
            {
                sent = Libc.Send(fd, at, bytes.Length, Libc.NoSignal);
            }

            if (sent < 0 && Marshal.GetLastPInvokeError() != Libc.Interrupted)
            {
                throw Lost(path);
            }

            if (sent > 0)
            {
                bytes = bytes[(int)sent..];
            }
        }
    }

    private static void Receive(int fd, Span<byte> bytes, string path, long started, TimeSpan limit)
    {
        while (!bytes.IsEmpty)
        {
            Limit(fd, started, limit);
            nint got;
            fixed (byte* at = bytes)
            {
                got = Libc.Read(fd, at, bytes.Length);
            }

            if (got == 0)
            {
                throw new AgentUnavailableException($"the host-stub agent on {path} went away before it answered", broke: true);
            }

            if (got < 0 && Marshal.GetLastPInvokeError() != Libc.Interrupted)
            {
                throw Lost(path);
            }

            if (got > 0)
            {
                bytes = bytes[(int)got..];
            }
        }
    }

    private static AgentUnavailableException Lost(string path) => Marshal.GetLastPInvokeError() == Libc.TryAgain
        ? new($"the host-stub agent on {path} did not answer in time")
        : new($"the connection to the host-stub agent on {path} broke: {Marshal.GetLastPInvokeErrorMessage()}", broke: true);
}
