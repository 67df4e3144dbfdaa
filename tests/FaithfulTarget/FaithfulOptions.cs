using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FaithfulTarget;

/// <summary>Options of a <see cref="FaithfulServer"/>.</summary>
public sealed record FaithfulOptions
{
    /// <summary>The unix socket to listen on; empty for a TCP port on the loopback interface.</summary>
    public string SocketPath { get; init; } = "";

    /// <summary>The TCP port; 0 to choose a free one and keep it across restarts.</summary>
    public int Port { get; init; }

    /// <summary>The certificate with its key for mutual TLS over TCP; null for plain HTTP/2.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Whether a client certificate is accepted; null accepts every client, with or without one.</summary>
    public Func<X509Certificate2, bool>? AcceptsClient { get; init; }

    /// <summary>The behaviours that are on.</summary>
    public FaithfulBehaviours Behaviours { get; init; } = new();

    /// <summary>The ports of the chassis configuration.</summary>
    public IReadOnlyList<string> PortNames { get; init; } =
        [.. Enumerable.Range(0, 48).Select(i => (i / 16) switch { 0 => $"TAP{i}", 1 => $"P4TAP_{i - 16}", _ => $"net_vhost{i - 32}" })];

    /// <summary>The TAPs that the target's own scripts create in this order after each start.</summary>
    public IReadOnlyList<ScriptTap> ScriptTaps { get; init; } = [];

    /// <summary>Whether TAP ports get real links, which disappear when the target dies. Needs root.</summary>
    public bool MakesLinks { get; init; }

    /// <summary>The namespace of the links; null for the namespace of the process. Not disposed by the target.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>How long the commit of one update takes; infrap4d: about 0.5 ms.</summary>
    public TimeSpan CommitTime { get; init; }

    /// <summary>Additional commit time per row in the table.</summary>
    public TimeSpan CommitTimePerRow { get; init; }
}
