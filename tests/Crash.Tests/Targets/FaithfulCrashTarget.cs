using System.Text.Json.Nodes;
using ACCOffload.FaithfulTarget;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Crash.Tests.Targets;

/// <summary>The server that behaves like infrap4d for P4-DPDK. When it dies, pipeline, ports and rows are lost.</summary>
internal sealed class FaithfulCrashTarget(Lab lab) : CrashTarget
{
    private const int Ports = 256;
    private static readonly string[] Names = [.. Enumerable.Range(0, Ports).Select(i => $"TAP{i}")];
    private FaithfulServer? _server;

    public override string DeviceKind => "tap";

    public override IReadOnlyDictionary<string, uint>? Pool => _server!.Ports;

    public override string? Problem => _server switch
    {
        { IsAlive: false } => $"the target died: {_server.Died.Result}",
        { Pushes: not 1 } => $"{_server.Pushes} pipelines were pushed during one run of the target",
        { PortDeletes: > 0 } => $"{_server.PortDeletes} port deletions were requested",
        _ when !_server!.Ports.Keys.ToHashSet()
            .SetEquals(Names) => $"the target's {_server.Ports.Count} ports differ from those of its pool",
        _ => _server.Updates.FirstOrDefault(u => u.Kind == P4.V1.Update.Types.Type.Modify) is { } modify ? $"sent: {modify}" : null,
    };

    public override void Prepare(JsonObject config) =>
        config["Target"]!["Ports"] = new JsonArray([.. Names.Select(n => JsonValue.Create(n))]);

    // The test requests a port name, but InfraManager leases a port from the pool and reports its name instead.
    public override PodSpec AsRequested(PodSpec endpoint) => endpoint with { PortName = endpoint.RequestedPortName };

    public override async Task StartAsync()
    {
        if (_server is null)
        {
            _server = await FaithfulServer.StartAsync(new FaithfulOptions { SocketPath = lab.TargetSocket, PortNames = Names });
            return;
        }

        // Requests are counted per run.
        _server.ClearLog();
        await _server.RestartAsync();
    }

    public override void Kill() => _ = _server!.KillAsync();

    public override Task WaitAsync() => _server!.Died;

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _server, null) is { } server)
        {
            await server.DisposeAsync();
        }
    }
}
