namespace ACCOffload.Services.Tests.Faults;

/// <summary>What happens while policy changes.</summary>
public enum PolicyFault
{
    /// <summary>InfraManager is killed twice, at random times.</summary>
    Kills,

    /// <summary>The target is killed, and InfraManager loses its replies.</summary>
    TargetKill,

    /// <summary>The API server aborts its watches and has compacted its history: everything is listed again.</summary>
    Relist,

    /// <summary>The API server is away during the change, and InfraManager is killed meanwhile.</summary>
    ApiServerAway,

    /// <summary>The API server answers with errors for a moment, and InfraManager is killed meanwhile.</summary>
    ApiServerErrors,

    /// <summary>Both processes are killed.</summary>
    KillOfBoth,
}
