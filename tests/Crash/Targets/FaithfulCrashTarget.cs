using System.Text.Json.Nodes;
using ACCOffload.Crash.Rpc;
using ACCOffload.Faithful;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Targets;

/// <summary>The server that behaves as infrap4d for P4-DPDK was seen to. Its death takes pipeline, ports and rows with it.</summary>
internal sealed class FaithfulCrashTarget(Lab lab) : CrashTarget
{
    private const int Ports = 256;
    private static readonly string[] Names = [.. Enumerable.Range(0, Ports).Select(i => $"TAP{i}")];
    private FaithfulTarget? _server;

    public override string DeviceKind => "tap";

    public override IReadOnlyDictionary<string, uint>? Pool => _server!.Ports;

    public override string? Problem => _server switch
    {
        { IsAlive: false } => $"the target died: {_server.Died.Result}",
        { Pushes: not 1 } => $"{_server.Pushes} pipelines were pushed in one life of the target",
        { PortDeletes: > 0 } => $"{_server.PortDeletes} ports were to be deleted",
        _ when !_server!.Ports.Keys.ToHashSet().SetEquals(Names) => $"the target has {_server.Ports.Count} ports, not those of its pool",
        _ => _server.Updates.FirstOrDefault(u => u.Kind == P4.V1.Update.Types.Type.Modify) is { } modify ? $"sent: {modify}" : null,
    };

    public override void Prepare(JsonObject config) => config["Target"]!["Ports"] = new JsonArray([.. Names.Select(n => JsonValue.Create(n))]);

    // The agent makes a name up, as it does for a port of its own; which one is lent for it is not the agent's to say.
    public override PodSpec AsAsked(PodSpec endpoint) => endpoint with { PortName = endpoint.AskedPortName };

    public override async Task StartAsync()
    {
        if (_server is null)
        {
            _server = await FaithfulTarget.StartAsync(new FaithfulOptions { SocketPath = lab.TargetSocket, PortNames = Names });
            return;
        }

        // What was asked for is counted in each life by itself.
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
