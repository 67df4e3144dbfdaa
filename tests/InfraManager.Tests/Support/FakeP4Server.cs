using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using P4.V1;
using Action = System.Action;
using Status = Grpc.Core.Status;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>
/// A fake P4Runtime and gNMI server on a real socket. It follows the protocol's rules for tables and ports, and injects faults at chosen
/// steps.
/// </summary>
internal sealed class FakeP4Server : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TableEntry> _rows = [];
    private readonly Dictionary<string, uint> _ports = [];
    private readonly string _path;
    private readonly Random _random = new(3);
    private readonly P4ServerHost _host;
    private ForwardingPipelineConfig? _config;
    private Uint128 _primary = new();
    private IServerStreamWriter<StreamMessageResponse>? _stream;
    private Microsoft.AspNetCore.Http.HttpContext? _streamContext;
    private uint _nextPort = 1;

    private FakeP4Server(string path)
    {
        _path = path;
        _host = new P4ServerHost(path, this, app =>
        {
            app.MapGrpcService<P4Service>();
            app.MapGrpcService<GnmiService>();
        });
    }

    public string Address => "unix:" + _path;

    /// <summary>Called with the name of each RPC; returns the fault to inject.</summary>
    public Func<string, TargetFault> OnStep { get; set; } = _ => TargetFault.None;

    public int Writes { get; private set; }

    public int Pushes { get; private set; }

    public IReadOnlyList<TableEntry> Rows
    {
        get
        {
            lock (_gate)
            {
                return [.. _rows.Values];
            }
        }
    }

    public IReadOnlyDictionary<string, uint> Ports
    {
        get
        {
            lock (_gate)
            {
                return new Dictionary<string, uint>(_ports);
            }
        }
    }

    public static async Task<FakeP4Server> StartAsync(string path)
    {
        var server = new FakeP4Server(path);
        await server._host.ListenAsync();
        return server;
    }

    /// <summary>Restarts as after a crash of the process; its state is lost only if <paramref name="empty"/>.</summary>
    public async Task RestartAsync(bool empty)
    {
        await StopAsync();
        if (empty)
        {
            Wipe();
        }

        await _host.ListenAsync();
    }

    public Task StopAsync() => _host.StopAsync();

    public async ValueTask DisposeAsync() => await StopAsync();

    public void Drift(Action<Dictionary<string, TableEntry>> change)
    {
        lock (_gate)
        {
            change(_rows);
        }
    }

    private void Wipe()
    {
        lock (_gate)
        {
            _rows.Clear();
            _ports.Clear();
            _config = null;
            _nextPort += 5;
        }
    }

    private static RpcException Lost() => new(new Status(StatusCode.Unavailable, "lost by the test"));

    private async Task<T> StepAsync<T>(string name, ServerCallContext context, Func<T> apply, Action? half = null,
        Func<RpcException>? refuse = null)
    {
        switch (OnStep(name))
        {
            case TargetFault.LoseReply:
                apply();
                throw Lost();
            case TargetFault.LoseRequest:
                throw Lost();
            case TargetFault.ApplyHalf:
                half?.Invoke();
                throw Lost();
            case TargetFault.ApplyLate:
                await Cancelled(context);
                apply();
                throw Lost();
            case TargetFault.Hang:
                await Cancelled(context);
                throw Lost();
            case TargetFault.RefuseSome or TargetFault.RefuseAll:
                throw refuse?.Invoke() ?? new RpcException(new Status(StatusCode.ResourceExhausted, "refused by the test"));
            case TargetFault.Ambiguous:
                half?.Invoke();
                throw new RpcException(new Status(StatusCode.Internal, "ambiguous"));
            case TargetFault.Die:
                Wipe();
                context.GetHttpContext().Abort();
                AbortStream();
                throw Lost();
            case TargetFault.Flap:
                apply();
                context.GetHttpContext().Abort();
                throw Lost();
            case TargetFault.Stolen:
                await StealAsync();
                throw new RpcException(new Status(StatusCode.PermissionDenied, "not primary"));
            default:
                return apply();
        }
    }

    // When a process dies, all its connections break, not just the current one.
    private void AbortStream()
    {
        lock (_gate)
        {
            _streamContext?.Abort();
        }
    }

    // Another controller with a higher election ID connects and disconnects.
    private async Task StealAsync()
    {
        Uint128 theirs;
        IServerStreamWriter<StreamMessageResponse>? stream;
        lock (_gate)
        {
            theirs = new Uint128 { High = _primary.High + 1, Low = 0 };
            _primary = theirs;
            stream = _stream;
        }

        if (stream is not null)
        {
            await stream.WriteAsync(Arbitration(theirs, StatusCode.AlreadyExists));
            await stream.WriteAsync(Arbitration(theirs, StatusCode.NotFound));
        }
    }

    private static StreamMessageResponse Arbitration(Uint128 id, StatusCode code) => new()
    {
        Arbitration = new MasterArbitrationUpdate { DeviceId = 1, ElectionId = id, Status = new Google.Rpc.Status { Code = (int)code } },
    };

    private static async Task Cancelled(ServerCallContext context)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(30), context.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The caller gave up.
        }
    }

    private static string KeyOf(TableEntry entry)
    {
        var key = new TableEntry { TableId = entry.TableId, Priority = entry.Priority };
        key.Match.AddRange(entry.Match.OrderBy(m => m.FieldId));
        return key.ToByteString().ToBase64();
    }

    private StatusCode[] Apply(WriteRequest request, Func<int, bool> applies)
    {
        var codes = new StatusCode[request.Updates.Count];
        int[] order = [.. Enumerable.Range(0, codes.Length)];
        lock (_gate)
        {
            _random.Shuffle(order);
            foreach (var i in order)
            {
                codes[i] = applies(i) ? ApplyOne(request.Updates[i]) : StatusCode.ResourceExhausted;
            }
        }

        return codes;
    }

    private StatusCode ApplyOne(P4.V1.Update update)
    {
        var entry = update.Entity.TableEntry;
        var key = KeyOf(entry);
        var exists = _rows.ContainsKey(key);
        switch (update.Type)
        {
            case P4.V1.Update.Types.Type.Insert when exists:
                return StatusCode.AlreadyExists;
            case P4.V1.Update.Types.Type.Modify or P4.V1.Update.Types.Type.Delete when !exists:
                return StatusCode.NotFound;
            case P4.V1.Update.Types.Type.Delete:
                _rows.Remove(key);
                return StatusCode.OK;
            default:
                _rows[key] = entry;
                return StatusCode.OK;
        }
    }

    private static RpcException Failed(StatusCode[] codes)
    {
        var status = new Google.Rpc.Status { Code = (int)StatusCode.Unknown };
        foreach (var code in codes)
        {
            status.Details.Add(
                Any.Pack(new P4.V1.Error { CanonicalCode = (int)code, Message = code == StatusCode.OK ? "" : "refused by the test" }));
        }

        return new RpcException(new Status(StatusCode.Unknown, "some failed"),
            new Metadata { { "grpc-status-details-bin", status.ToByteArray() } });
    }

    private sealed class P4Service(FakeP4Server server) : P4.V1.P4Runtime.P4RuntimeBase
    {
        public override async Task StreamChannel(
            IAsyncStreamReader<StreamMessageRequest> requestStream, IServerStreamWriter<StreamMessageResponse> responseStream,
            ServerCallContext context)
        {
            try
            {
                while (await requestStream.MoveNext(context.CancellationToken))
                {
                    var id = requestStream.Current.Arbitration.ElectionId;
                    lock (server._gate)
                    {
                        server._primary = id;
                        server._stream = responseStream;
                        server._streamContext = context.GetHttpContext();
                    }

                    await responseStream.WriteAsync(Arbitration(id, StatusCode.OK));
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // The client disconnected.
            }
        }

        public override Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext context) =>
            Task.FromResult(new CapabilitiesResponse { P4RuntimeApiVersion = "1.5.0" });

        public override Task<WriteResponse> Write(WriteRequest request, ServerCallContext context)
        {
            lock (server._gate)
            {
                server.Writes++;
                if (!request.ElectionId.Equals(server._primary))
                {
                    throw new RpcException(new Status(StatusCode.PermissionDenied, "not primary"));
                }

                if (server._config is null)
                {
                    throw new RpcException(new Status(StatusCode.FailedPrecondition, "no pipeline"));
                }
            }

            return server.StepAsync(
                "write",
                context,
                () =>
                {
                    var codes = server.Apply(request, _ => true);
                    return codes.All(c => c == StatusCode.OK) ? new WriteResponse() : throw Failed(codes);
                },
                () => server.Apply(request, i => i % 2 == 0),
                () => Failed(server.Apply(request, i => i % 2 == 1)));
        }

        public override Task Read(ReadRequest request, IServerStreamWriter<ReadResponse> responseStream, ServerCallContext context) =>
            server.StepAsync(
            "read",
            context,
            async () =>
            {
                var tables = request.Entities.Select(e => e.TableEntry.TableId).ToHashSet();
                foreach (var some in server.Rows.Where(r => tables.Contains(r.TableId)).Chunk(7))
                {
                    await responseStream.WriteAsync(new ReadResponse { Entities = { some.Select(r => new Entity { TableEntry = r }) } });
                }

                return true;
            }).Unwrap();

        public override Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(GetForwardingPipelineConfigRequest request,
            ServerCallContext context) =>
            server.StepAsync("pipeline.get", context, () => new GetForwardingPipelineConfigResponse { Config = server._config });

        public override Task<SetForwardingPipelineConfigResponse> SetForwardingPipelineConfig(SetForwardingPipelineConfigRequest request,
            ServerCallContext context) =>
            server.StepAsync("pipeline.set", context, () =>
            {
                lock (server._gate)
                {
                    server.Pushes++;
                    server._config = request.Config;
                    server._rows.Clear();
                    return new SetForwardingPipelineConfigResponse();
                }
            });
    }

    private sealed class GnmiService(FakeP4Server server) : Gnmi.gNMI.gNMIBase
    {
        public override Task<Gnmi.GetResponse> Get(Gnmi.GetRequest request, ServerCallContext context) =>
            server.StepAsync("gnmi.get", context, () =>
        {
            var path = request.Path.Single();
            var name = path.Elem[1].Key["name"];
            var notification = new Gnmi.Notification();
            foreach ((var port, var id) in server.Ports.Where(p => name == "*" || p.Key == name))
            {
                var own = path.Clone();
                own.Elem[1].Key["name"] = port;
                notification.Update.Add(new Gnmi.Update { Path = own, Val = new Gnmi.TypedValue { UintVal = id } });
            }

            if (notification.Update.Count == 0 && name != "*")
            {
                throw new RpcException(new Status(StatusCode.NotFound, "no such port"));
            }

            return new Gnmi.GetResponse { Notification = { notification } };
        });

        public override Task<Gnmi.SetResponse> Set(Gnmi.SetRequest request, ServerCallContext context) =>
            server.StepAsync("gnmi.set", context, () =>
        {
            lock (server._gate)
            {
                foreach (var path in request.Delete)
                {
                    server._ports.Remove(path.Elem[1].Key["name"]);
                }

                foreach (var update in request.Update)
                {
                    var name = update.Path.Elem[1].Key["name"];
                    if (!server._ports.ContainsKey(name))
                    {
                        server._ports.Add(name, server._nextPort++);
                    }
                }
            }

            return new Gnmi.SetResponse();
        });
    }
}
