using System.Text.Json.Nodes;
using ACCOffload.FaithfulTarget;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>A server that behaves as infrap4d for P4-DPDK was seen to, with real TAPs and without packets.</summary>
internal sealed class FaithfulNodeTarget : NodeTarget
{
    private NetNamespace? _ports;
    private string _socket = "";
    private FaithfulServer? _target;

    public override bool ForwardsPackets => false;

    /// <summary>The server itself, once started.</summary>
    public FaithfulServer Server => _target!;

    public override Task PrepareAsync(Lab lab, JsonObject target)
    {
        _ports = NetNamespace.Open($"/run/netns/{lab.PortNamespace}");
        _socket = lab.TargetSocket;
        return Task.CompletedTask;
    }

    public override async Task StartAsync()
    {
        if (_target is null)
        {
            _target = await FaithfulServer.StartAsync(new FaithfulOptions { SocketPath = _socket, MakesLinks = true, Namespace = _ports });
        }
        else
        {
            await _target.RestartAsync();
        }
    }

    public override Task KillAsync() => _target!.KillAsync();

    public override Task AddTapAsync(string name) => TapCreator.CreateAsync(name, _socket);

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _target, null) is { } target)
        {
            await target.DisposeAsync();
        }

        _ports?.Dispose();
    }
}
