using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>A Linux system call failed.</summary>
public class LinuxException : IOException
{
    /// <summary>Creates the error of one operation.</summary>
    /// <param name="operation">What was attempted, including the names of the objects.</param>
    /// <param name="errno">The system call's error number.</param>
    public LinuxException(string operation, Errno errno)
        : this(operation, errno, Describe(operation, errno))
    {
    }

    /// <summary>Creates the error of one operation with its own message.</summary>
    protected LinuxException(string operation, Errno errno, string message)
        : base(message)
    {
        Operation = operation;
        Errno = errno;
    }

    /// <summary>The system call's error number.</summary>
    public Errno Errno { get; }

    /// <summary>What was attempted.</summary>
    public string Operation { get; }

    internal static string Describe(string operation, Errno errno) => $"{operation}: {DescribeErrno(errno)}";

    internal static string DescribeErrno(Errno errno) =>
        Enum.IsDefined(errno) ? $"{Marshal.GetPInvokeErrorMessage((int)errno)} ({errno})"
            : $"{Marshal.GetPInvokeErrorMessage((int)errno)} (errno {(int)errno})";

    internal static LinuxException FromLastError(string operation) => new(operation, (Errno)Marshal.GetLastPInvokeError());
}
