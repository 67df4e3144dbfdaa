using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Targets;

/// <summary>The target of a node, separate from InfraManager, so that each can be killed on its own.</summary>
internal abstract class CrashTarget : IAsyncDisposable
{
    /// <summary>The device kind of attachments.</summary>
    public virtual string DeviceKind => "veth";

    /// <summary>The permanent ports of the pool; null if ports are created per attachment.</summary>
    public virtual IReadOnlyDictionary<string, uint>? Pool => null;

    /// <summary>What InfraManager did that it must not do on this target, or what is wrong with the target; null if nothing.</summary>
    public virtual string? Problem => null;

    /// <summary>Null if the target is not a process.</summary>
    public virtual BackgroundProcess? Process => null;

    public virtual string? Log => Process?.Log;

    /// <summary>Adds the target's settings to InfraManager's configuration.</summary>
    public virtual void Prepare(JsonObject config)
    {
    }

    /// <summary>The endpoint with the requested port name instead of the leased one.</summary>
    public virtual PodSpec AsRequested(PodSpec endpoint) => endpoint;

    /// <summary>Starts the target, initially or after a kill. It listens when this returns.</summary>
    public abstract Task StartAsync();

    /// <summary>Sends SIGKILL without waiting for the exit.</summary>
    public abstract void Kill();

    /// <summary>Waits for the exit.</summary>
    public abstract Task WaitAsync();

    public abstract ValueTask DisposeAsync();
}
