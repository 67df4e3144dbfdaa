using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>A programmer with its database and a target, which can be stopped at each of its steps as if its process had died.</summary>
internal interface ICrashHarness : IAsyncDisposable
{
    Programmer Programmer { get; }

    /// <summary>Called at each step.</summary>
    Action<CrashPoint> Hook { set; }

    /// <summary>Writes that the target got so far.</summary>
    int Writes { get; }

    /// <summary>Has the target refuse the rows that have this MAC, but for deletes; null: none.</summary>
    void Refuse(string? mac);

    /// <summary>Stops without a word, as kill -9 does, if a crash did not stop it before.</summary>
    Task KillAsync();

    /// <summary>Kills it if it runs, and starts it again.</summary>
    /// <param name="ready">Waits until it is ready.</param>
    Task RestartAsync(bool ready = true);

    /// <summary>Has the target die and start again, which empties it.</summary>
    Task RestartTargetAsync();

    /// <summary>Waits until nothing is left to do, then demands that the target holds what the endpoints need and nothing else.</summary>
    Task<IReadOnlyList<EndpointView>> SettledAsync();
}
