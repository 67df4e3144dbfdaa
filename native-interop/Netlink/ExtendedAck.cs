using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Parses an error message (struct nlmsgerr) or the end of a failed dump, with the kernel's extended acknowledgement.</summary>
internal static class ExtendedAck
{
    private const ushort NLMSGERR_ATTR_MSG = 1;
    private const ushort NLMSGERR_ATTR_OFFS = 2;
    private const ushort NLMSGERR_ATTR_MISS_TYPE = 5;

    /// <summary>The error of an acknowledgement, or null for success.</summary>
    public static NetlinkException? FromError(in NetlinkMessage message, scoped ReadOnlySpan<byte> request, string operation)
    {
        var payload = message.Payload;
        if (payload.Length < sizeof(int) + NetlinkMessage.HeaderLength)
        {
            return NetlinkException.Malformed(operation, "the kernel's acknowledgement is too short");
        }

        var error = MemoryMarshal.Read<int>(payload);
        if (error == 0)
        {
            return null;
        }
        // Unless capped, the whole request lies between the error and the attributes.
        long skip = sizeof(int) + NetlinkMessage.HeaderLength;
        if ((message.Flags & NetlinkMessage.NLM_F_CAPPED) == 0)
        {
            skip = sizeof(int) + (((long)MemoryMarshal.Read<uint>(payload[sizeof(int)..]) + 3) & ~3L);
        }

        return Build(message, skip, error, request, operation);
    }

    /// <summary>The error that a dump ended with, or null for success.</summary>
    public static NetlinkException? FromDone(in NetlinkMessage message, scoped ReadOnlySpan<byte> request, string operation)
    {
        if (message.Payload.Length < sizeof(int))
        {
            return null;
        }

        var error = MemoryMarshal.Read<int>(message.Payload);
        return error >= 0 ? null : Build(message, sizeof(int), error, request, operation);
    }

    private static NetlinkException Build(
        in NetlinkMessage message, long skip, int error, scoped ReadOnlySpan<byte> request, string operation)
    {
        if (error is > 0 or < -4095)
        {
            return NetlinkException.Malformed(operation, $"the kernel's acknowledgement has the invalid error code {error}");
        }

        string? text = null;
        int? offset = null;
        int? type = null;
        if ((message.Flags & NetlinkMessage.NLM_F_ACK_TLVS) != 0 && skip >= sizeof(int) && skip < message.Payload.Length)
        {
            // Ignore details that can't be parsed: the error code is what matters.
            var attributes = new AttributeReader(message.Payload[(int)skip..]);
            while (attributes.MoveNext())
            {
                switch (attributes.Type)
                {
                    case NLMSGERR_ATTR_MSG:
                        text = Printable(attributes.Text());
                        break;
                    case NLMSGERR_ATTR_OFFS:
                        offset = (int)Math.Min(attributes.Number<uint>(), int.MaxValue);
                        break;
                    case NLMSGERR_ATTR_MISS_TYPE:
                        type = (int)Math.Min(attributes.Number<uint>(), int.MaxValue);
                        break;
                }
            }
        }
        if (offset is >= NetlinkMessage.HeaderLength && offset <= request.Length - 4)
        {
            type ??= MemoryMarshal.Read<ushort>(request[(offset.Value + 2)..]) & 0x3FFF;
        }

        return new NetlinkException(operation, (Errno)(-error), text, offset, type);
    }

    // The text goes to logs and terminals.
    private static string Printable(string text) => string.Create(Math.Min(text.Length, 512), text, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = char.IsControl(source[i]) ? '?' : source[i];
        }
    });
}
