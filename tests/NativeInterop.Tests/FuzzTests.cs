using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;
using CsCheck;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>Properties of the codec with arbitrary bytes; tests/Fuzz.Tests fuzzes whole answers.</summary>
public sealed class FuzzTests
{
    private static readonly Gen<byte[]> AnyBytes = Gen.Byte.Array[0, 200];

    // Mostly valid attributes, with the types and sizes that the codecs parse.
    private static readonly Gen<byte[]> SomeAttributes = Gen
        .Select(Gen.Int[0, 60], Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[6], Gen.Byte.Array[16], Gen.Byte.Array[0, 40]))
        .Select((type, value) => Bytes.Attribute(type, value)).Array[0, 8].Select(all => all.SelectMany(a => a).ToArray());

    [Fact]
    public void Attributes_are_read_up_to_the_end_or_the_first_error() => Gen.OneOf(AnyBytes, SomeAttributes).Sample(bytes =>
    {
        var reader = new AttributeReader(bytes);
        var steps = 0;
        while (reader.MoveNext())
        {
            Assert.True(++steps <= bytes.Length / 4);
            Assert.True(reader.Value.Length <= bytes.Length - 4);
            _ = reader.Text();
            _ = reader.Mac();
        }
        var failed = reader.Failed;
        // The error is permanent.
        Assert.False(reader.MoveNext());
        Assert.Equal(failed, reader.Failed);
        Assert.Equal(0, reader.Value.Length);
    }, iter: 20_000);

    [Fact]
    public void A_wrong_size_is_a_permanent_error() => Gen.Byte.Array[0, 20].Sample(value =>
    {
        var reader = new AttributeReader((byte[])[.. Bytes.Attribute(1, value), .. Bytes.Attribute(2, [])]);
        Assert.True(reader.MoveNext());
        var number = reader.Number<uint>();
        Assert.Equal(value.Length != 4, reader.Failed);
        Assert.Equal(value.Length == 4, reader.MoveNext());
        if (value.Length == 4)
        {
            Assert.Equal(BitConverter.ToUInt32(value), number);
        }
    });

    [Fact]
    public void The_reader_reads_what_the_writer_writes() =>
        Gen.Select(Gen.UShort[1, 0x3FFF], Gen.Byte.Array[0, 30]).Array[0, 10].Sample(attributes =>
    {
        Span<byte> buffer = stackalloc byte[1024];
        var writer = new MessageWriter(buffer, 16, 0);
        var nest = writer.Begin(77);
        foreach (var (type, value) in attributes)
        {
            writer.Bytes(type, value);
        }

        writer.End(nest);
        ReadOnlySpan<byte> datagram = writer.Complete("test");
        Assert.True(NetlinkMessage.TryTake(ref datagram, out var message));
        Assert.True(datagram.IsEmpty);
        var outer = new AttributeReader(message.Payload);
        Assert.True(outer.MoveNext());
        Assert.Equal(77, outer.Type);
        var inner = outer.Nested();
        foreach (var (type, value) in attributes)
        {
            Assert.True(inner.MoveNext());
            Assert.Equal(type, inner.Type);
            Assert.Equal(value, inner.Value.ToArray());
        }
        Assert.False(inner.MoveNext());
        Assert.False(inner.Failed);
        Assert.False(outer.MoveNext());
        Assert.False(outer.Failed);
    }, iter: 2_000);

    [Fact]
    public void A_request_that_is_too_long_is_an_error() => Gen.Int[0, 70_000].Sample(length =>
    {
        var buffer = new byte[100];
        var writer = new MessageWriter(buffer.AsSpan(0, 90), 16, 0);
        var nest = writer.Begin(1);
        writer.Bytes(2, new byte[length]);
        writer.Number(3, 7u);
        writer.End(nest);
        try
        {
            Assert.True(writer.Complete("test").Length <= 90);
            Assert.True(length <= 58);
        }
        catch (NetlinkException e)
        {
            Assert.Equal(Errno.EMSGSIZE, e.Errno);
            Assert.True(length > 58);
        }
        Assert.Equal(new byte[10], buffer[90..]);
    });
}
