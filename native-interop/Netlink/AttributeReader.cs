using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>
/// Iterates over attributes (struct nlattr). The first error ends the iteration: values are then zero or empty and
/// <see cref="Failed"/> is set, so that callers check once, at the end.
/// </summary>
internal ref struct AttributeReader(ReadOnlySpan<byte> bytes)
{
    private const int HeaderLength = 4;

    // The two highest bits are the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    private const ushort NLA_TYPE_MASK = 0x3FFF;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The bytes are malformed.</summary>
    public bool Failed { get; private set; }

    /// <summary>Type of the current attribute.</summary>
    public ushort Type { get; private set; }

    /// <summary>Payload of the current attribute.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Advances to the next attribute.</summary>
    public bool MoveNext()
    {
        Value = default;
        if (Failed || _rest.IsEmpty)
        {
            return false;
        }

        if (_rest.Length < HeaderLength)
        {
            return Fail();
        }

        var length = MemoryMarshal.Read<ushort>(_rest);
        if (length < HeaderLength || length > _rest.Length)
        {
            return Fail();
        }

        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & NLA_TYPE_MASK);
        Value = _rest[HeaderLength..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }

    /// <summary>The value as a number of exactly its size.</summary>
    public T Number<T>()
        where T : unmanaged
    {
        if (Value.Length == System.Runtime.CompilerServices.Unsafe.SizeOf<T>())
        {
            return MemoryMarshal.Read<T>(Value);
        }

        Fail();
        return default;
    }

    /// <summary>The value as a structure, to which a newer kernel may append fields.</summary>
    public T Structure<T>()
        where T : unmanaged
    {
        if (MemoryMarshal.TryRead<T>(Value, out var value))
        {
            return value;
        }

        Fail();
        return default;
    }

    /// <summary>The value as text, up to its first zero byte.</summary>
    public readonly string Text()
    {
        var end = Value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? Value : Value[..end]);
    }

    /// <summary>The value as an IP address of a family; null and an error for a wrong length.</summary>
    public IPAddress? Address(byte family)
    {
        if (Value.Length == AddressLength(family))
        {
            return new IPAddress(Value);
        }

        Fail();
        return null;
    }

    /// <summary>The value as an Ethernet address; null for an address of another length, as other link types have.</summary>
    public readonly MacAddress? Mac() => Value.Length == MacAddress.Length ? new MacAddress(Value) : null;

    /// <summary>Iterates over the attributes nested in the current one; pass it to <see cref="Absorb"/> when done.</summary>
    public readonly AttributeReader Nested() => new(Value);

    /// <summary>Takes over the error of a nested iteration.</summary>
    public void Absorb(in AttributeReader nested) => Failed |= nested.Failed;

    public static int AddressLength(byte family) => family switch
    {
        Libc.AF_INET => 4,
        Libc.AF_INET6 => 16,
        _ => -1,
    };

    private bool Fail()
    {
        Failed = true;
        _rest = default;
        return false;
    }
}
