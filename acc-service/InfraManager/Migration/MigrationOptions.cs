using System.Net;

namespace ACCOffload.InfraManager.Migration;

/// <summary>What to take over from release 24.01, and what that release reads elsewhere.</summary>
internal sealed record MigrationOptions
{
    /// <summary>The manager's configuration file.</summary>
    public required string ConfigFile { get; init; }

    /// <summary>The folder of the manager's databases.</summary>
    public required string DatabaseFolder { get; init; }

    /// <summary>The manager's endpoints; null: <c>cni_db.json</c> in <see cref="DatabaseFolder"/>.</summary>
    public string? EndpointFile { get; init; }

    /// <summary>The manager's services; null: <c>services_db.json</c> in <see cref="DatabaseFolder"/>.</summary>
    public string? ServiceFile { get; init; }

    /// <summary>The folder where the agent remembers the devices of pods; it need not exist.</summary>
    public required string AgentFolder { get; init; }

    /// <summary>The agent's client certificate; it need not exist.</summary>
    public required string AgentCertificate { get; init; }

    /// <summary>The node's name in Kubernetes.</summary>
    public required string Node { get; init; }

    /// <summary>The ranges of the node's pods, at least one.</summary>
    public required IReadOnlyList<string> PodRanges { get; init; }

    /// <summary>The cluster's service ranges.</summary>
    public required IReadOnlyList<string> ServiceRanges { get; init; }

    /// <summary>The node's address, where the databases do not tell it; null: as they tell it.</summary>
    public IPAddress? NodeAddress { get; init; }

    /// <summary>The number of TAPs that 24.01's script made, with interface type tap; 0: not given.</summary>
    public int Taps { get; init; }

    /// <summary>The package to push after a restart of the target; it need not exist.</summary>
    public required string Package { get; init; }

    /// <summary>Addresses of endpoints in the database that no longer exist.</summary>
    public IReadOnlyList<IPAddress> Skipped { get; init; } = [];

    /// <summary>The new database.</summary>
    public required string Store { get; init; }

    /// <summary>Whether nothing is written.</summary>
    public bool IsDryRun { get; init; }
}
