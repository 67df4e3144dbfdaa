using System.Buffers.Binary;
using System.Text;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.FakeKernel;

/// <summary>Plain reading and writing of attributes, independent of the product's codec.</summary>
internal sealed class Attributes
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public Attributes Add(int type, ReadOnlySpan<byte> value)
    {
        _bytes.AddRange(Bytes.Attribute(type, value));
        return this;
    }

    public Attributes Text(int type, string? value) => value is null ? this : Add(type, Encoding.UTF8.GetBytes(value + '\0'));

    public Attributes U8(int type, bool? value) => value is null ? this : Add(type, [value.Value ? (byte)1 : (byte)0]);

    public Attributes U8(int type, byte? value) => value is null ? this : Add(type, [value.Value]);

    public Attributes U16(int type, int? value) => value is null ? this : Add(type, BitConverter.GetBytes((ushort)value.Value));

    public Attributes U32(int type, uint? value) => value is null ? this : Add(type, BitConverter.GetBytes(value.Value));

    public Attributes Mac(int type, MacAddress? value) => value is null ? this : Add(type, value.Value.ToArray());

    public Attributes Nest(int type, Attributes inner) => Add(type | 0x8000, inner.ToArray());

    /// <summary>Reads attributes; their types include the flags.</summary>
    public static List<(int Type, byte[] Value)> Read(ReadOnlySpan<byte> bytes)
    {
        var found = new List<(int, byte[])>();
        while (bytes.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            if (length < 4 || length > bytes.Length)
            {
                throw new InvalidDataException("an attribute has an invalid length");
            }

            found.Add((BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]), bytes[4..length].ToArray()));
            bytes = bytes[Math.Min((length + 3) & ~3, bytes.Length)..];
        }
        return found;
    }

    public static byte[]? Find(List<(int Type, byte[] Value)> attributes, int type)
    {
        foreach (var (found, value) in attributes)
        {
            if ((found & 0x3FFF) == type)
            {
                return value;
            }
        }
        return null;
    }

    public static string? FindText(List<(int Type, byte[] Value)> attributes, int type) =>
        Find(attributes, type) is { } value ? Encoding.UTF8.GetString(value).TrimEnd('\0') : null;

    public static uint? FindU32(List<(int Type, byte[] Value)> attributes, int type) =>
        Find(attributes, type) is { } value ? BitConverter.ToUInt32(value) : null;

    public static ushort? FindU16(List<(int Type, byte[] Value)> attributes, int type) =>
        Find(attributes, type) is { } value ? BitConverter.ToUInt16(value) : null;
}
