using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using P4.V1;

namespace ACCOffload.TestKit.Labs;

/// <summary>A P4Runtime client that shares no code with the product, to act as a foreign controller.</summary>
public sealed class RawP4Runtime : IAsyncDisposable
{
    private static ulong _bids;
    private readonly GrpcChannel _channel;
    private readonly P4.V1.P4Runtime.P4RuntimeClient _client;
    private readonly AsyncDuplexStreamingCall<StreamMessageRequest, StreamMessageResponse> _stream;
    private P4.Config.V1.P4Info? _info;

    // Higher than every other controller's ID, including earlier clients of this class and the bids that outbid them.
    private readonly Uint128 _election = new() { High = ulong.MaxValue, Low = Interlocked.Increment(ref _bids) << 20 };

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
        if (!await client._stream.ResponseStream.MoveNext(CancellationToken.None)
            || client._stream.ResponseStream.Current.Arbitration.Status.Code != 0)
        {
            throw new InvalidOperationException("the target did not accept the client as primary");
        }

        return client;
    }

    public async Task DropFirstAndAddForeignRowAsync(string table, byte[] key)
    {
        var rows = await ReadAsync(table);
        var foreign = rows[0].Clone();
        foreign.Match[0].Exact.Value = ByteString.CopyFrom(key);
        await WriteAsync((Update.Types.Type.Delete, rows[0]), (Update.Types.Type.Insert, foreign));
    }

    public async Task<IReadOnlyList<TableEntry>> ReadAsync(string table)
    {
        var info = await InfoAsync();
        var read = new ReadRequest { DeviceId = 1 };
        read.Entities.Add(
            new Entity { TableEntry = new TableEntry { TableId = info.Tables.Single(t => t.Preamble.Alias == table).Preamble.Id } });
        var rows = new List<TableEntry>();
        using var reading = _client.Read(read);
        while (await reading.ResponseStream.MoveNext(CancellationToken.None))
        {
            rows.AddRange(reading.ResponseStream.Current.Entities.Select(e => e.TableEntry));
        }

        return rows;
    }

    /// <summary>Pushes a pipeline.</summary>
    public async Task PushAsync(P4.Config.V1.P4Info info, ByteString device, ulong cookie) =>
        await _client.SetForwardingPipelineConfigAsync(new SetForwardingPipelineConfigRequest
        {
            DeviceId = 1,
            ElectionId = _election,
            Action = SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit,
            Config = new ForwardingPipelineConfig
            {
                P4Info = info,
                P4DeviceConfig = device,
                Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = cookie },
            },
        });

    /// <summary>One update of any kind in one Write.</summary>
    public async Task WriteAsync(Update update) =>
        await _client.WriteAsync(new WriteRequest { DeviceId = 1, ElectionId = _election, Updates = { update } });

    /// <summary>All updates in one Write.</summary>
    public async Task WriteAsync(params (Update.Types.Type Type, TableEntry Row)[] updates)
    {
        var write = new WriteRequest { DeviceId = 1, ElectionId = _election };
        foreach (var (type, row) in updates)
        {
            write.Updates.Add(new Update { Type = type, Entity = new Entity { TableEntry = row } });
        }

        await _client.WriteAsync(write);
    }

    /// <summary>A copy of a row with new values, in canonical form, for some of its action's parameters.</summary>
    public async Task<TableEntry> WithAsync(TableEntry row, params (string Parameter, ByteString Value)[] values)
    {
        var info = await InfoAsync();
        var copy = row.Clone();
        var parameters = info.Actions.Single(a => a.Preamble.Id == row.Action.Action.ActionId).Params;
        foreach (var (name, value) in values)
        {
            copy.Action.Action.Params.Single(p => p.ParamId == parameters.Single(s => s.Name == name).Id).Value = value;
        }

        return copy;
    }

    public async Task<ByteString> ParameterAsync(TableEntry row, string name)
    {
        var info = await InfoAsync();
        var id = info.Actions.Single(a => a.Preamble.Id == row.Action.Action.ActionId).Params.Single(p => p.Name == name).Id;
        return row.Action.Action.Params.Single(p => p.ParamId == id).Value;
    }

    /// <summary>The sum of each counter over all ports, by the counter's name.</summary>
    public async Task<IReadOnlyDictionary<string, long>> PortCountsAsync()
    {
        var request = new Gnmi.GetRequest
        {
            Path = { new Gnmi.Path { Elem = { new Gnmi.PathElem { Name = "interfaces" },
                new Gnmi.PathElem { Name = "virtual-interface", Key = { ["name"] = "*" } }, new Gnmi.PathElem { Name = "state" } } } },
        };
        var reply = await new Gnmi.gNMI.gNMIClient(_channel).GetAsync(request);
        return reply.Notification.SelectMany(n => n.Update).Where(u => u.Val.ValueCase == Gnmi.TypedValue.ValueOneofCase.UintVal)
            .GroupBy(u => u.Path.Elem[^1].Name).ToDictionary(g => g.Key, g => g.Sum(u => (long)u.Val.UintVal));
    }

    private async Task<P4.Config.V1.P4Info> InfoAsync() =>
        _info ??= (await _client.GetForwardingPipelineConfigAsync(new GetForwardingPipelineConfigRequest { DeviceId = 1 })).Config.P4Info;

    public async ValueTask DisposeAsync()
    {
        await _stream.RequestStream.CompleteAsync();
        _stream.Dispose();
        _channel.Dispose();
    }
}
