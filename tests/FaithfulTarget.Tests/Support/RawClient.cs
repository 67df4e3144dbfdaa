using ACCOffload.TestKit.Labs;
using Gnmi;
using Grpc.Core;
using Grpc.Net.Client;
using P4.V1;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests.Support;

/// <summary>A controller on plain gRPC, without the product's code.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Header limit: the trailers hold the errors of a large Write.</summary>
    private static readonly int MaxHeaderKilobytes = 4 << 10;
    private readonly GrpcChannel _channel;
    private AsyncDuplexStreamingCall<StreamMessageRequest, StreamMessageResponse>? _stream;

    public RawClient(FaithfulServer target, HttpMessageHandler? handler = null)
    {
        _channel = target.Address.StartsWith("unix:", StringComparison.Ordinal)
            ? Channels.Unix(target.Address["unix:".Length..], maxReceive: 4 << 20, MaxHeaderKilobytes)
            : GrpcChannel.ForAddress(target.Address, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        P4 = new P4.V1.P4Runtime.P4RuntimeClient(_channel);
        Gnmi = new gNMI.gNMIClient(_channel);
    }

    public P4.V1.P4Runtime.P4RuntimeClient P4 { get; }

    public gNMI.gNMIClient Gnmi { get; }

    public ulong DeviceId { get; init; } = 1;

    /// <summary>The low half of the election ID.</summary>
    public ulong Id { get; set; } = 1;

    /// <summary>Bids for the role and returns the status of the response.</summary>
    public async Task<StatusCode> BidAsync(ulong id = 1)
    {
        Id = id;
        _stream ??= P4.StreamChannel();
        await _stream.RequestStream.WriteAsync(
            new StreamMessageRequest { Arbitration = new MasterArbitrationUpdate { DeviceId = DeviceId, ElectionId = ElectionId() } });
        return await NextStatusAsync();
    }

    /// <summary>The status of the next arbitration message.</summary>
    public async Task<StatusCode> NextStatusAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        Assert.True(await _stream!.ResponseStream.MoveNext(limit.Token), "the stream ended");
        return (StatusCode)_stream.ResponseStream.Current.Arbitration.Status.Code;
    }

    public async Task HangUpAsync()
    {
        await _stream!.RequestStream.CompleteAsync();
        while (await _stream.ResponseStream.MoveNext(default))
        {
            // Messages still in flight.
        }

        _stream.Dispose();
        _stream = null;
    }

    public async Task PushAsync(ForwardingPipelineConfig? config = null) => await P4.SetForwardingPipelineConfigAsync(
        new SetForwardingPipelineConfigRequest
        {
            DeviceId = DeviceId,
            ElectionId = ElectionId(),
            Action = SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit,
            Config = config ?? SmallPipeline.Config(),
        },
        deadline: DateTime.UtcNow + Limit);

    /// <summary>Sets attributes of a port in the given order.</summary>
    public async Task SetPortAsync(string name, params (string Leaf, TypedValue Value)[] values)
    {
        var request = new SetRequest();
        foreach ((var leaf, var value) in values)
        {
            request.Update.Add(new global::Gnmi.Update { Path = PathOf(name, leaf), Val = value });
        }

        await Gnmi.SetAsync(request, deadline: DateTime.UtcNow + Limit);
    }

    public Task MakeTapAsync(string name) => SetPortAsync(name, ("port-type", Text("TAP")));

    public async Task<ulong> PortNumberAsync(string name)
    {
        var answer = await Gnmi.GetAsync(new GetRequest { Path = { PathOf(name, "tdi-portin-id") } }, deadline: DateTime.UtcNow + Limit);
        return answer.Notification.Single().Update.Single().Val.UintVal;
    }

    public async Task WriteAsync(Kind kind, Entity entity) => await WriteAsync(new P4.V1.Update { Type = kind, Entity = entity });

    public Task WriteAsync(Kind kind, TableEntry row) => WriteAsync(kind, new Entity { TableEntry = row });

    public async Task WriteAsync(params P4.V1.Update[] updates) => await P4.WriteAsync(Request(updates), deadline: DateTime.UtcNow + Limit);

    public WriteRequest Request(params P4.V1.Update[] updates) =>
        new() { DeviceId = DeviceId, ElectionId = ElectionId(), Updates = { updates } };

    public async Task<List<Entity>> ReadAsync(Entity asked)
    {
        using var call = P4.Read(new ReadRequest { DeviceId = DeviceId, Entities = { asked } }, deadline: DateTime.UtcNow + Limit);
        var found = new List<Entity>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            found.AddRange(response.Entities);
        }

        return found;
    }

    public Task<List<Entity>> ReadTableAsync(uint table) => ReadAsync(new Entity { TableEntry = new TableEntry { TableId = table } });

    public static TypedValue Text(string value) => new() { StringVal = value };

    public static Gnmi.Path PathOf(string name, string leaf) => new()
    {
        Elem = { new PathElem { Name = "interfaces" }, new PathElem { Name = "virtual-interface", Key = { ["name"] = name } },
            new PathElem { Name = "config" }, new PathElem { Name = leaf } },
    };

    /// <summary>Expects the call to fail with this code and returns the exception.</summary>
    public static async Task<RpcException> FailsAsync(StatusCode code, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.True(code == e.StatusCode, $"expected {code}: {e.Status}");
        return e;
    }

    /// <summary>Expects a Write or Read to fail with UNKNOWN and returns the errors of its parts.</summary>
    public static async Task<Error[]> PartsAsync(Func<Task> call)
    {
        var e = await FailsAsync(StatusCode.Unknown, call);
        var details = e.Trailers.GetValueBytes("grpc-status-details-bin")
            ?? throw new Xunit.Sdk.XunitException("the trailers have no details");
        return [.. Google.Rpc.Status.Parser.ParseFrom(details).Details.Select(d => d.Unpack<Error>())];
    }

    /// <summary>Expects a call with a single part to fail with this code and returns the part's message.</summary>
    public static async Task<string> PartFailsAsync(StatusCode code, Func<Task> call)
    {
        var error = Assert.Single(await PartsAsync(call));
        Assert.Equal(code, (StatusCode)error.CanonicalCode);
        return error.Message;
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _channel.Dispose();
    }

    private Uint128 ElectionId() => new() { High = 0, Low = Id };
}
