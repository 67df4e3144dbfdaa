using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using P4.V1;

namespace ACCOffload.Integration.Lab;

/// <summary>A P4Runtime client that knows nothing of the product: somebody else who writes to the target.</summary>
internal sealed class RawP4Runtime : IAsyncDisposable
{
    private static ulong s_bids;
    private readonly GrpcChannel _channel;
    private readonly P4.V1.P4Runtime.P4RuntimeClient _client;
    private readonly AsyncDuplexStreamingCall<StreamMessageRequest, StreamMessageResponse> _stream;

    // Above everybody else, above those of before, and above what was bid to outdo those.
    private readonly Uint128 _election = new() { High = ulong.MaxValue, Low = Interlocked.Increment(ref s_bids) << 20 };

    private RawP4Runtime(GrpcChannel channel)
    {
        _channel = channel;
        _client = new P4.V1.P4Runtime.P4RuntimeClient(channel);
        _stream = _client.StreamChannel();
    }

    public static async Task<RawP4Runtime> ConnectAsync(string socketPath)
    {
        var channel = Channels.Unix(socketPath);
        var client = new RawP4Runtime(channel);
        await client._stream.RequestStream.WriteAsync(new StreamMessageRequest
        {
            Arbitration = new MasterArbitrationUpdate { DeviceId = 1, ElectionId = client._election },
        });
        if (!await client._stream.ResponseStream.MoveNext(CancellationToken.None) || client._stream.ResponseStream.Current.Arbitration.Status.Code != 0)
            throw new InvalidOperationException("not made primary");
        return client;
    }

    public async Task DropFirstAndAddForeignRowAsync(string table, byte[] key)
    {
        var config = await _client.GetForwardingPipelineConfigAsync(new GetForwardingPipelineConfigRequest { DeviceId = 1 });
        var schema = config.Config.P4Info.Tables.Single(t => t.Preamble.Alias == table);
        var rows = new List<TableEntry>();
        var read = new ReadRequest { DeviceId = 1 };
        read.Entities.Add(new Entity { TableEntry = new TableEntry { TableId = schema.Preamble.Id } });
        using var reading = _client.Read(read);
        while (await reading.ResponseStream.MoveNext(CancellationToken.None))
            rows.AddRange(reading.ResponseStream.Current.Entities.Select(e => e.TableEntry));

        var foreign = rows[0].Clone();
        foreign.Match[0].Exact.Value = ByteString.CopyFrom(key);
        var write = new WriteRequest { DeviceId = 1, ElectionId = _election };
        write.Updates.Add(new Update { Type = Update.Types.Type.Delete, Entity = new Entity { TableEntry = rows[0] } });
        write.Updates.Add(new Update { Type = Update.Types.Type.Insert, Entity = new Entity { TableEntry = foreign } });
        await _client.WriteAsync(write);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.RequestStream.CompleteAsync();
        _stream.Dispose();
        _channel.Dispose();
    }
}
