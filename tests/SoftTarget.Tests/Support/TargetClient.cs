using ACCOffload.TestKit.Labs;
using Grpc.Core;
using Grpc.Net.Client;
using P4.V1;
using Status = Google.Rpc.Status;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>A controller with the generated client, over a unix socket.</summary>
internal sealed class TargetClient : IAsyncDisposable
{
    public const ulong DeviceId = 1;

    private readonly GrpcChannel _channel;
    private readonly List<Controller> _controllers = [];

    public TargetClient(string socket)
    {
        // No response may exceed gRPC's default limit of 4 MiB; 5,000 errors need large headers.
        _channel = Channels.Unix(socket, maxReceive: 4 << 20, maxHeaders: 8192);
        P4 = new P4Runtime.P4RuntimeClient(_channel);
        Gnmi = new Gnmi.gNMI.gNMIClient(_channel);
        SoftTarget = new Protos.V1.SoftTarget.SoftTargetClient(_channel);
    }

    public P4Runtime.P4RuntimeClient P4 { get; }

    public Gnmi.gNMI.gNMIClient Gnmi { get; }

    public Protos.V1.SoftTarget.SoftTargetClient SoftTarget { get; }

    public GrpcChannel Channel => _channel;

    /// <summary>Opens a stream without an arbitration.</summary>
    public Controller Open()
    {
        var controller = new Controller(P4.StreamChannel());
        _controllers.Add(controller);
        return controller;
    }

    /// <summary>Opens a stream and becomes primary.</summary>
    public async Task<Controller> BecomePrimaryAsync(ulong electionId = 1, string role = "")
    {
        var controller = Open();
        await controller.ArbitrateAsync(electionId, role);
        var reply = await controller.NextAsync();
        Assert.Equal((int)StatusCode.OK, reply.Arbitration.Status.Code);
        return controller;
    }

    public async Task PushAsync(ForwardingPipelineConfig config, ulong electionId = 1)
        => await P4.SetForwardingPipelineConfigAsync(new SetForwardingPipelineConfigRequest
        {
            DeviceId = DeviceId,
            ElectionId = new Uint128 { Low = electionId },
            Action = SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit,
            Config = config,
        });

    public static WriteRequest Request(params IEnumerable<Update> updates)
    {
        var request = new WriteRequest { DeviceId = DeviceId, ElectionId = new Uint128 { Low = 1 } };
        request.Updates.Add(updates);
        return request;
    }

    public static Update Insert(TableEntry entry) => Of(UpdateType.Insert, entry);

    public static Update Modify(TableEntry entry) => Of(UpdateType.Modify, entry);

    public static Update Delete(TableEntry entry) => Of(UpdateType.Delete, entry);

    public static Update Of(UpdateType type, TableEntry entry) => new() { Type = type, Entity = new Entity { TableEntry = entry } };

    public static Update Of(UpdateType type, ActionProfileMember member)
        => new() { Type = type, Entity = new Entity { ActionProfileMember = member } };

    public static Update Of(UpdateType type, ActionProfileGroup group)
        => new() { Type = type, Entity = new Entity { ActionProfileGroup = group } };

    /// <summary>Writes and expects success.</summary>
    public async Task WriteAsync(params Update[] updates) => await P4.WriteAsync(Request(updates));

    /// <summary>Writes one update and expects it to fail.</summary>
    public async Task<Error> FailAsync(Update update) => Assert.Single(await ErrorsAsync(Request(update)));

    /// <summary>Writes and returns an error for each update (all OK if the Write succeeded).</summary>
    public async Task<IReadOnlyList<Error>> ErrorsAsync(WriteRequest request)
    {
        try
        {
            await P4.WriteAsync(request);
            return [.. request.Updates.Select(_ => new Error())];
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unknown)
        {
            return Details(e);
        }
    }

    public static IReadOnlyList<Error> Details(RpcException e)
    {
        var status = Status.Parser.ParseFrom(e.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.Equal((int)StatusCode.Unknown, status.Code);
        return [.. status.Details.Select(d => d.Unpack<Error>())];
    }

    public async Task<List<Entity>> ReadAsync(params Entity[] entities)
    {
        var request = new ReadRequest { DeviceId = DeviceId };
        request.Entities.Add(entities);
        using var call = P4.Read(request);
        var result = new List<Entity>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            Assert.True(response.CalculateSize() < 4 << 20);
            result.AddRange(response.Entities);
        }

        return result;
    }

    public async Task<List<TableEntry>> ReadEntriesAsync(TableEntry filter)
        => [.. (await ReadAsync(new Entity { TableEntry = filter })).Select(e => e.TableEntry)];

    public async ValueTask DisposeAsync()
    {
        foreach (var controller in _controllers)
        {
            await controller.DisposeAsync();
        }

        _channel.Dispose();
    }
}

/// <summary>One stream of a controller.</summary>
internal sealed class Controller(AsyncDuplexStreamingCall<StreamMessageRequest, StreamMessageResponse> call) : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public Task ArbitrateAsync(ulong electionId, string role = "", ulong deviceId = TargetClient.DeviceId)
    {
        var update = new MasterArbitrationUpdate { DeviceId = deviceId, ElectionId = new Uint128 { Low = electionId } };
        if (role.Length > 0)
        {
            update.Role = new Role { Name = role };
        }

        return SendAsync(new StreamMessageRequest { Arbitration = update });
    }

    public Task SendAsync(StreamMessageRequest message) => call.RequestStream.WriteAsync(message);

    public async Task<StreamMessageResponse> NextAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        Assert.True(await call.ResponseStream.MoveNext(limit.Token), "the stream has ended");
        return call.ResponseStream.Current;
    }

    /// <summary>Reads until the stream fails, and returns its status.</summary>
    public async Task<Grpc.Core.Status> EndAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            while (await call.ResponseStream.MoveNext(limit.Token))
            {
            }
        }
        catch (RpcException e)
        {
            // At the limit the client itself ends the call, with a normal status.
            Assert.False(limit.IsCancellationRequested, $"the stream did not end within {Limit.TotalSeconds} s");
            return e.Status;
        }

        return call.GetStatus();
    }

    public async Task CompleteAsync()
    {
        await call.RequestStream.CompleteAsync();
        await EndAsync();
    }

    public ValueTask DisposeAsync()
    {
        call.Dispose();
        return ValueTask.CompletedTask;
    }
}
