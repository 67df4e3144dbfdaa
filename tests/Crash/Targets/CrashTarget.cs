using System.Text.Json.Nodes;
using ACCOffload.Crash.Rpc;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Targets;

/// <summary>What a node's pipeline runs on, apart from inframanager, so that each can be killed by itself.</summary>
internal abstract class CrashTarget : IAsyncDisposable
{
    /// <summary>The kind of device that an attachment has on it.</summary>
    public virtual string DeviceKind => "veth";

    /// <summary>The ports that are there whoever needs them; null where each is made for an attachment.</summary>
    public virtual IReadOnlyDictionary<string, uint>? Pool => null;

    /// <summary>What inframanager did that it must not do on this target, or null.</summary>
    public virtual string? Problem => null;

    /// <summary>Null where it is no process.</summary>
    public virtual BackgroundProcess? Process => null;

    public virtual string? Log => Process?.Log;

    /// <summary>Adds what inframanager has to know to its configuration.</summary>
    public virtual void Prepare(JsonObject config)
    {
    }

    /// <summary>The endpoint with the port that was asked for, where another one was lent.</summary>
    public virtual PodSpec AsAsked(PodSpec endpoint) => endpoint;

    /// <summary>Starts it, the first time or after a kill; it listens when this returns.</summary>
    public abstract Task StartAsync();

    /// <summary>SIGKILL, without waiting for the end.</summary>
    public abstract void Kill();

    /// <summary>Waits for the end.</summary>
    public abstract Task WaitAsync();

    public abstract ValueTask DisposeAsync();
}
