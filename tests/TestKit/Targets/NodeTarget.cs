using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.TestKit.Targets;

/// <summary>The target of a node: a real infrap4d, or a server that behaves like it.</summary>
public abstract class NodeTarget : IAsyncDisposable
{
    /// <summary>Whether it forwards packets; otherwise tests can only inspect its rows.</summary>
    public abstract bool ForwardsPackets { get; }

    /// <summary>Prepares the namespaces and completes the Target section of InfraManager's configuration.</summary>
    public abstract Task PrepareAsync(Lab lab, JsonObject target);

    /// <summary>Starts the target and waits until it listens.</summary>
    public abstract Task StartAsync();

    /// <summary>Kills the process. TAPs, pipeline and rows are gone when this returns.</summary>
    public abstract Task KillAsync();

    /// <summary>Creates a TAP like a script would, without InfraManager.</summary>
    public abstract Task AddTapAsync(string name);

    public abstract ValueTask DisposeAsync();
}
