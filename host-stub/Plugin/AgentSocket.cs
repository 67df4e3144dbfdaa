using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>Sends one synchronous request to the agent, with a time limit.</summary>
internal static unsafe class AgentSocket
{
    // An agent restart takes less time than this, and should not make a request fail.
    private static readonly TimeSpan RestartLimit = TimeSpan.FromSeconds(1);

    /// <param name="path">The agent's socket.</param>
    /// <param name="frame">The request.</param>
    /// <param name="limit">Time limit for connection, request and response together.</param>
    /// <exception cref="AgentUnavailableException">There was no response.</exception>
    /// <exception cref="FrameException">The response is not valid.</exception>
    public static AgentResponse Ask(string path, byte[] frame, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        var fd = Connect(path, started, limit);
        try
        {
            Send(fd, frame, path, started, limit);
            var prefix = new byte[AgentRequest.LengthPrefix];
            Receive(fd, prefix, path, started, limit);
            var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
            if (length is < 0 or > AgentResponse.MaxBody)
            {
                throw new FrameException($"the agent's response of {(uint)length} bytes exceeds the limit of {AgentResponse.MaxBody}");
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
                throw new AgentUnavailableException($"can't create a socket: {Marshal.GetLastPInvokeErrorMessage()}");
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
                throw new AgentUnavailableException(
                    $"the host-stub agent on {path} accepts no more connections: it hangs or is overloaded");
            }

            if (error is not (Libc.NotFound or Libc.Refused or Libc.Interrupted) || Stopwatch.GetElapsedTime(started) > RestartLimit)
            {
                throw new AgentUnavailableException($"the host-stub agent does not answer on {path}: {reason}; is it running?");
            }

            _ = Libc.Poll(null, 0, 20);
        }
    }

    // Sets the socket's timeout to the remaining time; zero would mean no limit.
    private static void Limit(int fd, long started, TimeSpan limit)
    {
        var left = limit - Stopwatch.GetElapsedTime(started);
        var microseconds = Math.Max((long)left.TotalMicroseconds, 1000);
        var value = new Libc.TimeValue { Seconds = (nint)(microseconds / 1_000_000), Microseconds = (nint)(microseconds % 1_000_000) };
        _ = Libc.SetSocketOption(fd, Libc.SocketLevel, Libc.SendTimeout, &value, (uint)sizeof(Libc.TimeValue));
        _ = Libc.SetSocketOption(fd, Libc.SocketLevel, Libc.ReceiveTimeout, &value, (uint)sizeof(Libc.TimeValue));
    }

    private static void Send(int fd, ReadOnlySpan<byte> bytes, string path, long started, TimeSpan limit)
    {
        while (!bytes.IsEmpty)
        {
            Limit(fd, started, limit);
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
                throw new AgentUnavailableException(
                    $"the host-stub agent on {path} closed the connection before it responded", isConnectionLost: true);
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
        ? new($"the host-stub agent on {path} did not respond in time")
        : new($"the connection to the host-stub agent on {path} was lost: {Marshal.GetLastPInvokeErrorMessage()}", isConnectionLost: true);
}

/// <summary>The agent can't be reached, did not respond in time, or closed the connection before it responded.</summary>
/// <param name="message">What happened, with the socket's path.</param>
/// <param name="isConnectionLost">An existing connection was lost, so a new one may succeed at once.</param>
internal sealed class AgentUnavailableException(string message, bool isConnectionLost = false) : Exception(message)
{
    public bool IsConnectionLost => isConnectionLost;
}
