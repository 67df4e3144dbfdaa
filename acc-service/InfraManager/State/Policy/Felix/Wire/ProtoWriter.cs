using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>Writes one protobuf message.</summary>
internal sealed class ProtoWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public ProtoWriter Number(int field, ulong number)
    {
        Tag(field, ProtoType.Varint);
        Varint(number);
        return this;
    }

    /// <summary>Writes the eight bytes of an IEEE 754 number, lowest first.</summary>
    public ProtoWriter Double(int field, double number)
    {
        Tag(field, ProtoType.Fixed64);
        BinaryPrimitives.WriteDoubleLittleEndian(_bytes.GetSpan(8), number);
        _bytes.Advance(8);
        return this;
    }

    public ProtoWriter Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    public ProtoWriter Message(int field, ProtoWriter message) => Bytes(field, message.Written);

    public ProtoWriter Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Tag(field, ProtoType.Bytes);
        Varint((ulong)bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    private void Tag(int field, ProtoType type) => Varint(((ulong)field << 3) | (uint)type);

    private void Varint(ulong number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            Byte((byte)(number | 0x80));
        }

        Byte((byte)number);
    }

    private void Byte(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
    }
}
