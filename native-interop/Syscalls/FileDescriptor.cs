using Microsoft.Win32.SafeHandles;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>An open file descriptor, closed when disposed.</summary>
public sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>Creates a handle that holds nothing yet.</summary>
    public FileDescriptor()
        : base(ownsHandle: true)
    {
    }

    /// <summary>Takes over an open descriptor.</summary>
    public FileDescriptor(int descriptor)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
