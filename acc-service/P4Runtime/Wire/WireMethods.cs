using System.Buffers;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>The two RPCs that carry hundreds of thousands of table entries, with marshallers that create no protobuf objects.</summary>
internal static class WireMethods
{
    private const string Service = "p4.v1.P4Runtime";

    /// <summary>Write. The answer has no content and is ignored.</summary>
    public static readonly Method<EncodedWrite, object> Write = new(
        MethodType.Unary,
        Service,
        "Write",
        Marshallers.Create<EncodedWrite>(EncodedWrite.Serialize, _ => throw new NotSupportedException()),
        Marshallers.Create<object>((_, _) => throw new NotSupportedException(), _ => string.Empty));

    /// <summary>Read of table entries. Create one for each Read: its decoder keeps state.</summary>
    public static Method<ReadRequest, ReadBatch<Entry>> Read(Pipeline pipeline)
    {
        var decoder = new EntryDecoder(pipeline);
        return Read<Entry>((payload, entries) => decoder.Decode(payload, entries));
    }

    /// <summary>Read of learned entries, likewise.</summary>
    public static Method<ReadRequest, ReadBatch<LearnedEntry>> ReadLearned(Pipeline pipeline)
    {
        var decoder = new EntryDecoder(pipeline);
        return Read<LearnedEntry>((payload, entries) => decoder.Decode(payload, entries));
    }

    /// <summary>Read of entries with their direct counters, likewise.</summary>
    public static Method<ReadRequest, ReadBatch<CountedEntry>> ReadCounted(Pipeline pipeline)
    {
        var decoder = new EntryDecoder(pipeline);
        return Read<CountedEntry>((payload, entries) => decoder.Decode(payload, entries));
    }

    private static Method<ReadRequest, ReadBatch<T>> Read<T>(Action<ReadOnlySpan<byte>, List<T>> decode) => new(
        MethodType.ServerStreaming,
        Service,
        "Read",
        Marshallers.Create<ReadRequest>(request => request.ToByteArray(), _ => throw new NotSupportedException()),
        Marshallers.Create<ReadBatch<T>>((_, _) => throw new NotSupportedException(), context => Decode(decode, context)));

    private static ReadBatch<T> Decode<T>(Action<ReadOnlySpan<byte>, List<T>> decode, DeserializationContext context)
    {
        // Report an error in the batch: an exception here would surface as INTERNAL, like a transport error.
        try
        {
            var payload = context.PayloadAsReadOnlySequence();

            // An entry takes about 60 bytes on the wire; growing the list costs more than a list that is a little too long.
            var entries = new List<T>((int)(payload.Length / 48) + 1);
            decode(payload.IsSingleSegment ? payload.FirstSpan : payload.ToArray(), entries);
            return new ReadBatch<T>(entries, null);
        }
        catch (WireException e)
        {
            return new ReadBatch<T>([], e.Message);
        }
    }
}

/// <summary>Contents of one message of a Read: its entries, or the reason why it is invalid.</summary>
internal sealed class ReadBatch<T>(List<T> entries, string? fault)
{
    public List<T> Entries { get; } = entries;

    public string? Fault { get; } = fault;
}
