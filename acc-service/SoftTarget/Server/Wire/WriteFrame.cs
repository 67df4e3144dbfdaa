using System.Buffers;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>A WriteRequest with its own fields decoded and its updates still in wire form.</summary>
internal sealed class WriteFrame : IDisposable
{
    // Larger buffers are not pooled: the shared pool would keep them, although another such batch may never arrive.
    private const int MaxPooledBytes = 4 << 20;

    private byte[] _bytes;
    private readonly int _length;
    private readonly bool _isPooled;

    public WriteFrame(ReadOnlySequence<byte> payload)
    {
        _length = checked((int)payload.Length);
        _isPooled = _length <= MaxPooledBytes;
        _bytes = _isPooled ? ArrayPool<byte>.Shared.Rent(_length) : GC.AllocateUninitializedArray<byte>(_length);
        payload.CopyTo(_bytes);
    }

    public ulong DeviceId { get; private set; }

    public ElectionId ElectionId { get; private set; }

    public string Role { get; private set; } = "";

    public bool HasRoleId { get; private set; }

    public WriteRequest.Types.Atomicity Atomicity { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Copies the payload without decoding it. <see cref="Decode"/> is called in the handler, where errors get a status.</summary>
    public static WriteFrame FromPayload(DeserializationContext context) => new(context.PayloadAsReadOnlySequence());

    /// <summary>Decodes everything but the updates, which it counts.</summary>
    /// <exception cref="WireException">The bytes are not a WriteRequest.</exception>
    public int Decode()
    {
        var reader = new WireReader(Bytes);
        var updates = 0;
        var election = default(ElectionId);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case 1 << 3:
                    DeviceId = reader.Varint();
                    break;
                case 2 << 3:
                    HasRoleId = reader.Varint() != 0;
                    break;
                case (3 << 3) | WireReader.BytesType:
                    election = DecodeElection(reader.Bytes(), election);
                    break;
                case UpdateTag:
                    reader.Bytes();
                    updates++;
                    break;
                case 5 << 3:
                    Atomicity = (WriteRequest.Types.Atomicity)reader.Varint();
                    break;
                case (6 << 3) | WireReader.BytesType:
                    Role = Utf8(reader.Bytes());
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        ElectionId = election;
        return updates;
    }

    /// <summary>The tag of one update in <see cref="Bytes"/>.</summary>
    public const uint UpdateTag = (4 << 3) | WireReader.BytesType;

    public void Dispose()
    {
        var bytes = Interlocked.Exchange(ref _bytes, []);
        if (_isPooled && bytes.Length != 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static ElectionId DecodeElection(ReadOnlySpan<byte> bytes, ElectionId id)
    {
        var reader = new WireReader(bytes);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case 1 << 3:
                    id = id with { High = reader.Varint() };
                    break;
                case 2 << 3:
                    id = id with { Low = reader.Varint() };
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return id;
    }

    private static string Utf8(ReadOnlySpan<byte> bytes)
        => System.Text.Unicode.Utf8.IsValid(bytes)
            ? System.Text.Encoding.UTF8.GetString(bytes)
            : throw new WireException("role is not UTF-8");
}
