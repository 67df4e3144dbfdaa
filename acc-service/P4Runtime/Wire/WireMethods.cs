using System.Buffers;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>The two RPCs that carry table entries by the hundred thousand, with marshallers that make no protobuf objects.</summary>
internal static class WireMethods
{
    private const string Service = "p4.v1.P4Runtime";

    /// <summary>Write. The answer has no content; what it holds is not looked at.</summary>
    public static readonly Method<EncodedWrite, object> Write = new(
        MethodType.Unary,
        Service,
        "Write",
        Marshallers.Create<EncodedWrite>(EncodedWrite.Serialize, _ => throw new NotSupportedException()),
        Marshallers.Create<object>((_, _) => throw new NotSupportedException(), _ => string.Empty));

    /// <summary>Read of table entries, for one Read: the decoder keeps state.</summary>
    public static Method<ReadRequest, ReadBatch> Read(Pipeline pipeline)
    {
        var decoder = new EntryDecoder(pipeline);
        return new Method<ReadRequest, ReadBatch>(
            MethodType.ServerStreaming,
            Service,
            "Read",
            Marshallers.Create<ReadRequest>(request => request.ToByteArray(), _ => throw new NotSupportedException()),
            Marshallers.Create<ReadBatch>((_, _) => throw new NotSupportedException(), context => Decode(decoder, context)));
    }

    private static ReadBatch Decode(EntryDecoder decoder, DeserializationContext context)
    {
        // A fault travels in the batch: what is thrown here would come out as INTERNAL, like a transport fault.
        try
        {
            var payload = context.PayloadAsReadOnlySequence();

            // An entry takes some 60 bytes on the wire; a list that grows costs more than one that is a little too long.
            var entries = new List<Entry>((int)(payload.Length / 48) + 1);
            decoder.Decode(payload.IsSingleSegment ? payload.FirstSpan : payload.ToArray(), entries);
            return new ReadBatch(entries, null);
        }
        catch (WireException e)
        {
            return new ReadBatch([], e.Message);
        }
    }
}
