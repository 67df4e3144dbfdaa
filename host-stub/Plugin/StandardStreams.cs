using System.Diagnostics;
using System.Runtime.InteropServices;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Plugin;

/// <summary>Reads standard input with limits on size and time, and writes output.</summary>
internal static unsafe class StandardStreams
{
    private const int InitialBuffer = 16 * 1024;

    /// <summary>Reads standard input to its end.</summary>
    /// <param name="fd">Its descriptor, 0 except in tests.</param>
    /// <param name="maxBytes">How large it may be.</param>
    /// <param name="limit">How long it may take to end.</param>
    /// <exception cref="CniException">Error 5: it is too large, does not end in time, or fails.</exception>
    public static byte[] ReadInput(int fd, int maxBytes, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        var buffer = new byte[InitialBuffer];
        var used = 0;
        while (true)
        {
            // The read blocks without a limit, so it must not begin before there is something to read.
            if (!WaitReadable(fd, started, limit))
            {
                throw new CniException(CniErrorCode.IoFailure, $"standard input did not end within {limit.TotalSeconds:0} s");
            }

            if (used == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            nint got;
            fixed (byte* at = &buffer[used])
            {
                got = Libc.Read(fd, at, buffer.Length - used);
            }

            if (got < 0)
            {
                if (Marshal.GetLastPInvokeError() is Libc.Interrupted or Libc.TryAgain)
                {
                    continue;
                }

                throw ReadFailed();
            }
            if (got == 0)
            {
                return buffer.AsSpan(0, used).ToArray();
            }

            used += (int)got;
            if (used > maxBytes)
            {
                throw new CniException(CniErrorCode.IoFailure, $"standard input is larger than {maxBytes} bytes");
            }
        }
    }

    public static bool Write(int fd, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written;
            fixed (byte* at = bytes)
            {
                written = Libc.Write(fd, at, bytes.Length);
            }

            if (written < 0)
            {
                if (Marshal.GetLastPInvokeError() == Libc.Interrupted)
                {
                    continue;
                }

                return false;
            }
            bytes = bytes[(int)written..];
        }
        return true;
    }

    /// <summary>Waits; a signal ends the wait early.</summary>
    public static void Pause(int milliseconds) => _ = Libc.Poll(null, 0, milliseconds);

    private static bool WaitReadable(int fd, long started, TimeSpan limit)
    {
        while (true)
        {
            var left = limit - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return false;
            }

            var entry = new Libc.PollEntry { Fd = fd, Events = Libc.PollIn };
            var ready = Libc.Poll(&entry, 1, (int)left.TotalMilliseconds + 1);
            if (ready >= 0)
            {
                return ready > 0;
            }

            if (Marshal.GetLastPInvokeError() is not (Libc.Interrupted or Libc.TryAgain))
            {
                throw ReadFailed();
            }
        }
    }

    private static CniException ReadFailed() =>
        new(CniErrorCode.IoFailure, "reading standard input failed", Marshal.GetLastPInvokeErrorMessage());
}
