using System.Diagnostics;
using System.Runtime.InteropServices;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Plugin;

/// <summary>Reads standard input with limits on size and time, and writes output.</summary>
internal static unsafe class StandardStreams
{
    private const int InitialBuffer = 16 * 1024;

    /// <summary>Reads standard input to its end.</summary>
    /// <exception cref="CniException">Error 5: it is too large, does not end in time, or fails.</exception>
    public static byte[] ReadInput(int maxBytes, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        var buffer = new byte[InitialBuffer];
        var used = 0;
        while (true)
        {
            var left = limit - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !WaitReadable((int)left.TotalMilliseconds + 1))
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
                got = Libc.Read(0, at, buffer.Length - used);
            }

            if (got < 0)
            {
                if (Marshal.GetLastPInvokeError() is Libc.Interrupted or Libc.TryAgain)
                {
                    continue;
                }

                throw new CniException(CniErrorCode.IoFailure, "reading standard input failed", Marshal.GetLastPInvokeErrorMessage());
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

    private static bool WaitReadable(int milliseconds)
    {
        var entry = new Libc.PollEntry { Fd = 0, Events = Libc.PollIn };
        // An interrupted wait counts as readable: the read that follows decides.
        return Libc.Poll(&entry, 1, milliseconds) != 0;
    }
}
