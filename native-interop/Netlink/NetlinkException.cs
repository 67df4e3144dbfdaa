using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>The kernel refused a netlink request, did not answer in time, or sent a malformed answer.</summary>
public sealed class NetlinkException : LinuxException
{
    /// <summary>Creates the error of one request.</summary>
    /// <param name="operation">What was requested, including the names of the objects.</param>
    /// <param name="errno">
    /// The kernel's error; <see cref="Errno.ETIMEDOUT"/> without an answer, <see cref="Errno.EBADMSG"/> for a malformed one.
    /// </param>
    /// <param name="kernelMessage">The kernel's message (extended acknowledgement), or null.</param>
    /// <param name="attributeOffset">Where in the request the offending attribute starts, or null.</param>
    /// <param name="attributeType">The offending or missing attribute's type, or null.</param>
    public NetlinkException(
        string operation, Errno errno, string? kernelMessage = null, int? attributeOffset = null, int? attributeType = null)
        : base(operation, errno, Text(operation, errno, kernelMessage, attributeOffset, attributeType))
    {
        KernelMessage = kernelMessage;
        AttributeOffset = attributeOffset;
        AttributeType = attributeType;
    }

    /// <summary>The kernel's message, or null if it sent none.</summary>
    public string? KernelMessage { get; }

    /// <summary>Offset in bytes from the start of the request to the attribute that the kernel refused, or null.</summary>
    public int? AttributeOffset { get; }

    /// <summary>Type of the attribute that the kernel refused or found missing, or null.</summary>
    public int? AttributeType { get; }

    private static string Text(string operation, Errno errno, string? kernelMessage, int? offset, int? type)
    {
        var text = Describe(operation, errno);
        if (!string.IsNullOrEmpty(kernelMessage))
        {
            text += $": {kernelMessage}";
        }

        if (type is not null)
        {
            text += offset is null ? $" (attribute {type} is missing)" : $" (attribute {type} at offset {offset})";
        }

        return text;
    }

    internal static NetlinkException Malformed(string operation, string what) => new(operation, Errno.EBADMSG, what);
}
