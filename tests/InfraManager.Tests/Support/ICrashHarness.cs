using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>A programmer with its database and a target; it can be stopped at each step as if its process had died.</summary>
internal interface ICrashHarness : IAsyncDisposable
{
    Programmer Programmer { get; }

    /// <summary>Called at each step.</summary>
    Action<CrashPoint> Hook { set; }

    /// <summary>The number of Writes that the target has received.</summary>
    int Writes { get; }

    /// <summary>Makes the target refuse updates of rows with this MAC, except deletes; null refuses none.</summary>
    void Refuse(string? mac);

    /// <summary>Stops like a process killed with -9, unless a crash has already stopped it.</summary>
    Task KillAsync();

    /// <summary>Starts the programmer again, after killing it if it is running.</summary>
    /// <param name="ready">Whether to wait until it is ready.</param>
    Task RestartAsync(bool ready = true);

    /// <summary>Restarts the target, which empties it.</summary>
    Task RestartTargetAsync();

    /// <summary>Waits until nothing is left to do, then asserts that the target holds what the endpoints need and nothing else.</summary>
    Task<IReadOnlyList<EndpointView>> SettledAsync();
}
