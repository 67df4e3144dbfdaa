using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.TestKit.Targets;

/// <summary>What a node's pipeline runs on: a real infrap4d, or a server that behaves as one.</summary>
public abstract class NodeTarget : IAsyncDisposable
{
    /// <summary>Whether packets pass; otherwise only rows are there to be looked at.</summary>
    public abstract bool PassesPackets { get; }

    /// <summary>Prepares the namespaces and adds what InfraManager has to know to its Target section.</summary>
    public abstract Task PrepareAsync(Lab lab, JsonObject target);

    /// <summary>Starts it; it listens when this returns.</summary>
    public abstract Task StartAsync();

    /// <summary>SIGKILL: TAPs, pipeline and rows are gone when this returns.</summary>
    public abstract Task KillAsync();

    /// <summary>Makes one TAP, as others than InfraManager do.</summary>
    public abstract Task MakeTapAsync(string name);

    public abstract ValueTask DisposeAsync();
}
