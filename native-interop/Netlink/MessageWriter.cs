using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Writes one request into a buffer. <see cref="Complete"/> reports an overflow.</summary>
internal ref struct MessageWriter
{
    /// <summary>Enough for every request of this library.</summary>
    public const int BufferLength = 1024;

    private const int AttributeHeaderLength = 4;
    private const ushort NLA_F_NESTED = 0x8000;

    private readonly Span<byte> _buffer;
    private int _length;
    private bool _overflow;

    public MessageWriter(Span<byte> buffer, ushort type, int flags)
    {
        _buffer = buffer;
        _length = NetlinkMessage.HeaderLength;
        if (buffer.Length < _length)
        {
            _overflow = true;
            return;
        }
        buffer[.._length].Clear();
        MemoryMarshal.Write(buffer[4..], type);
        MemoryMarshal.Write(buffer[6..], (ushort)flags);
    }

    /// <summary>Appends a fixed structure.</summary>
    public void Body<T>(in T body)
        where T : unmanaged
    {
        var target = Reserve(Unsafe.SizeOf<T>());
        if (!target.IsEmpty)
        {
            MemoryMarshal.Write(target, body);
        }
    }

    public void Number<T>(ushort type, T value)
        where T : unmanaged
    {
        var target = Attribute(type, Unsafe.SizeOf<T>());
        if (!target.IsEmpty)
        {
            MemoryMarshal.Write(target, value);
        }
    }

    public void Bytes(ushort type, scoped ReadOnlySpan<byte> value)
    {
        var target = Attribute(type, value.Length);
        if (target.Length >= value.Length)
        {
            value.CopyTo(target);
        }
    }

    /// <summary>Zero-terminated text.</summary>
    public void Text(ushort type, string value) => Bytes(type, Encoding.UTF8.GetBytes(value + '\0'));

    public void Mac(ushort type, MacAddress value)
    {
        var target = Attribute(type, MacAddress.Length);
        if (!target.IsEmpty)
        {
            value.CopyTo(target);
        }
    }

    public void Address(ushort type, IPAddress value) => Bytes(type, value.GetAddressBytes());

    /// <summary>A file descriptor. The caller keeps it open until the request is sent.</summary>
    public void Descriptor(ushort type, FileDescriptor value) => Number(type, (int)value.DangerousGetHandle());

    /// <summary>Begins a nested attribute with NLA_F_NESTED, as strict families require; pass the result to <see cref="End"/>.</summary>
    public int BeginNested(ushort type) => Begin((ushort)(type | NLA_F_NESTED));

    /// <summary>Begins a nested attribute; pass the result to <see cref="End"/>.</summary>
    public int Begin(ushort type)
    {
        var start = _length;
        _ = Attribute(type, 0);
        return start;
    }

    public readonly void End(int start)
    {
        if (!_overflow)
        {
            MemoryMarshal.Write(_buffer[start..], (ushort)(_length - start));
        }
    }

    /// <summary>The finished message, except for its sequence number and sender.</summary>
    public readonly Span<byte> Complete(string operation)
    {
        if (_overflow)
        {
            throw new NetlinkException(operation, Errno.EMSGSIZE, "the request is too long");
        }

        MemoryMarshal.Write(_buffer, (uint)_length);
        return _buffer[.._length];
    }

    private Span<byte> Attribute(ushort type, int length)
    {
        if (length > ushort.MaxValue - AttributeHeaderLength)
        {
            _overflow = true;
            return default;
        }
        var target = Reserve(AttributeHeaderLength + length);
        if (target.IsEmpty)
        {
            return default;
        }

        MemoryMarshal.Write(target, (ushort)(AttributeHeaderLength + length));
        MemoryMarshal.Write(target[2..], type);
        return target.Slice(AttributeHeaderLength, length);
    }

    // Zero the padding: no stack contents may reach the kernel.
    private Span<byte> Reserve(int length)
    {
        var padded = (length + 3) & ~3;
        if (_overflow || padded > _buffer.Length - _length)
        {
            _overflow = true;
            return default;
        }
        var target = _buffer.Slice(_length, padded);
        target.Clear();
        _length += padded;
        return target;
    }
}
