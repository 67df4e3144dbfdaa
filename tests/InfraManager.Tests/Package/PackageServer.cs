using ACCOffload.InfraManager.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using P4.Config.V1;
using P4.V1;
using Status = Grpc.Core.Status;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>A P4Runtime and gNMI server that runs a package: the pipeline is loaded, and can't be pushed.</summary>
internal sealed class PackageServer : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(7);
    private readonly string _path;
    private readonly Dictionary<string, uint> _ports = [];
    private readonly P4ServerHost _host;
    private P4Info? _info;
    private PackageTables? _tables;
    private Uint128 _primary = new();

    private PackageServer(string path)
    {
        _path = path;
        _host = new P4ServerHost(path, this, app =>
        {
            app.MapGrpcService<P4Service>();
            app.MapGrpcService<GnmiService>();
        });
    }

    public string Address => "unix:" + _path;

    public int Pushes { get; private set; }

    public int Refusals { get; private set; }

    /// <summary>The refused updates, each with the reason.</summary>
    public List<string> Refused { get; } = [];

    public int Updates { get; private set; }

    /// <summary>All updates that were applied, in order.</summary>
    public List<P4.V1.Update> Log { get; } = [];

    public int Writes { get; private set; }

    /// <summary>Refuses all inserts into this table, when set.</summary>
    public string? FullTable { get; set; }

    public static async Task<PackageServer> StartAsync(string path, P4Info? info)
    {
        var server = new PackageServer(path);
        server.Load(info);
        await server._host.ListenAsync();
        return server;
    }

    /// <summary>Loads a package with empty tables; null loads none.</summary>
    public void Load(P4Info? info)
    {
        lock (_gate)
        {
            _info = info;
            _tables = info is null ? null : new PackageTables(info);
        }
    }

    public string[] Lines(string? table = null)
    {
        lock (_gate)
        {
            return _tables?.Lines(table) ?? [];
        }
    }

    /// <summary>Changes the tables as another controller would.</summary>
    public void Drift(System.Action<PackageTables, P4Info> change)
    {
        lock (_gate)
        {
            change(_tables!, _info!);
        }
    }

    /// <summary>Makes a port that nobody asked for.</summary>
    public void AddPort(string name, uint number)
    {
        lock (_gate)
        {
            _ports.Add(name, number);
        }
    }

    public async Task RestartAsync()
    {
        await StopAsync();
        await _host.ListenAsync();
    }

    public Task StopAsync() => _host.StopAsync();

    public async ValueTask DisposeAsync() => await StopAsync();

    private WriteResponse Write(WriteRequest request)
    {
        lock (_gate)
        {
            Writes++;
            if (!request.ElectionId.Equals(_primary))
            {
                throw PackageTables.Refusal(StatusCode.PermissionDenied, "not primary");
            }

            if (_tables is null || _info is null)
            {
                throw PackageTables.Refusal(StatusCode.FailedPrecondition, "no pipeline");
            }

            if (request.Atomicity != WriteRequest.Types.Atomicity.ContinueOnError)
            {
                throw PackageTables.Refusal(StatusCode.Unimplemented, "only CONTINUE_ON_ERROR");
            }

            int[] order = [.. Enumerable.Range(0, request.Updates.Count)];
            _random.Shuffle(order);
            var errors = new P4.V1.Error[order.Length];
            foreach (var i in order)
            {
                errors[i] = Apply(request.Updates[i]);
            }

            if (errors.All(e => e.CanonicalCode == 0))
            {
                return new WriteResponse();
            }

            var status = new Google.Rpc.Status { Code = (int)StatusCode.Unknown };
            status.Details.AddRange(errors.Select(e => Any.Pack(e)));
            throw new RpcException(new Status(StatusCode.Unknown, "some failed"),
                new Metadata { { "grpc-status-details-bin", status.ToByteArray() } });
        }
    }

    private P4.V1.Error Apply(P4.V1.Update update)
    {
        Updates++;
        try
        {
            if (FullTable is { } full && update.Type == P4.V1.Update.Types.Type.Insert && update.Entity.TableEntry is { } row
                && _info!.Tables.Any(t => t.Preamble.Id == row.TableId && t.Preamble.Alias == full))
            {
                throw PackageTables.Refusal(StatusCode.ResourceExhausted, $"{full} is full");
            }

            _tables!.Apply(update);
            Log.Add(update);
            return new P4.V1.Error();
        }
        catch (RpcException e)
        {
            Refusals++;
            Refused.Add($"{e.StatusCode} {e.Status.Detail}: {update}");
            return new P4.V1.Error { CanonicalCode = (int)e.StatusCode, Message = e.Status.Detail };
        }
    }

    private sealed class P4Service(PackageServer server) : P4.V1.P4Runtime.P4RuntimeBase
    {
        public override async Task StreamChannel(
            IAsyncStreamReader<StreamMessageRequest> requestStream, IServerStreamWriter<StreamMessageResponse> responseStream,
            ServerCallContext context)
        {
            try
            {
                while (await requestStream.MoveNext(context.CancellationToken))
                {
                    var asked = requestStream.Current.Arbitration;
                    bool isPrimary;
                    lock (server._gate)
                    {
                        isPrimary =
                            (asked.ElectionId.High, asked.ElectionId.Low).CompareTo((server._primary.High, server._primary.Low)) >= 0;
                        server._primary = isPrimary ? asked.ElectionId : server._primary;
                    }

                    await responseStream.WriteAsync(new StreamMessageResponse
                    {
                        Arbitration = new MasterArbitrationUpdate
                        {
                            DeviceId = asked.DeviceId,
                            ElectionId = server._primary,
                            Status = new Google.Rpc.Status { Code = (int)(isPrimary ? StatusCode.OK : StatusCode.AlreadyExists) },
                        },
                    });
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // The client disconnected.
            }
        }

        public override Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext context) =>
            Task.FromResult(new CapabilitiesResponse { P4RuntimeApiVersion = "1.3.0" });

        public override Task<WriteResponse> Write(WriteRequest request, ServerCallContext context) =>
            Task.FromResult(server.Write(request));

        public override async Task Read(ReadRequest request, IServerStreamWriter<ReadResponse> responseStream, ServerCallContext context)
        {
            Entity[] found;
            lock (server._gate)
            {
                found = [.. request.Entities.SelectMany(e => server._tables!.Read(e))];
            }

            foreach (var some in found.Chunk(5))
            {
                await responseStream.WriteAsync(new ReadResponse { Entities = { some } });
            }
        }

        public override Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(GetForwardingPipelineConfigRequest request,
            ServerCallContext context)
        {
            lock (server._gate)
            {
                var config = new ForwardingPipelineConfig { Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = 0x2401 } };
                if (request.ResponseType is GetForwardingPipelineConfigRequest.Types.ResponseType.P4InfoAndCookie
                    or GetForwardingPipelineConfigRequest.Types.ResponseType.All)
                {
                    config.P4Info = server._info;
                }

                return server._info is null
                    ? throw PackageTables.Refusal(StatusCode.FailedPrecondition, "no pipeline is set")
                    : Task.FromResult(new GetForwardingPipelineConfigResponse { Config = config });
            }
        }

        public override Task<SetForwardingPipelineConfigResponse> SetForwardingPipelineConfig(SetForwardingPipelineConfigRequest request,
            ServerCallContext context)
        {
            server.Pushes++;
            throw PackageTables.Refusal(StatusCode.FailedPrecondition, "a pipeline is set");
        }
    }

    private sealed class GnmiService(PackageServer server) : Gnmi.gNMI.gNMIBase
    {
        public override Task<Gnmi.GetResponse> Get(Gnmi.GetRequest request, ServerCallContext context)
        {
            var path = request.Path.Single();
            var name = path.Elem[1].Key["name"];
            // Like P4-DPDK: one port by its name, no list.
            if (name == "*")
            {
                throw PackageTables.Refusal(StatusCode.Unimplemented, "no wildcards");
            }

            lock (server._gate)
            {
                return server._ports.TryGetValue(name, out var id)
                    ? Task.FromResult(
                        new Gnmi.GetResponse
                        {
                            Notification = { new Gnmi.Notification { Update = { new Gnmi.Update { Path = path,
                            Val = new Gnmi.TypedValue { UintVal = id } } } } }
                        })
                    : throw PackageTables.Refusal(StatusCode.NotFound, "no such port");
            }
        }

        public override Task<Gnmi.SetResponse> Set(Gnmi.SetRequest request, ServerCallContext context)
        {
            lock (server._gate)
            {
                foreach (var path in request.Delete)
                {
                    server._ports.Remove(path.Elem[1].Key["name"]);
                }

                foreach (var update in request.Update)
                {
                    server._ports.TryAdd(update.Path.Elem[1].Key["name"], (uint)server._ports.Count + 2);
                }
            }

            return Task.FromResult(new Gnmi.SetResponse());
        }
    }
}
