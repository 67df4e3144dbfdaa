using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ACCOffload.InfraManager.Felix;

/// <summary>A file descriptor that the parent process opened for this one.</summary>
internal static class InheritedPipe
{
    private const int CloseOnExec = 0x80000;

    /// <summary>
    /// Opens it. The runtime opens descriptors of its own at the lowest free numbers; these are closed on exec, so they are never taken
    /// for an inherited one.
    /// </summary>
    /// <returns>The stream; null if the parent left nothing at this number.</returns>
    public static Stream? Open(int descriptor, FileAccess access)
    {
        try
        {
            return IsInherited(descriptor)
                ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), access, bufferSize: 0, isAsync: false)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // It is open the other way.
            return null;
        }
    }

    // The flags are octal, as in open(2); see proc_pid_fdinfo(5).
    private static bool IsInherited(int descriptor)
    {
        var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{descriptor}"))
            .FirstOrDefault(l => l.StartsWith("flags:", StringComparison.Ordinal));
        return line is not null && (Convert.ToInt32(line["flags:".Length..].Trim(), 8) & CloseOnExec) == 0;
    }
}
