namespace ACCOffload.HostStub.Wire;

/// <summary>
/// Time limits of CNI commands. The runtimes' are the largest (CRI-O kills a DEL after 60 s and a GC after 30 s, and waits for STATUS in
/// its own status), then the plugin's, then the agent's: the program with the best explanation should time out first.
/// </summary>
internal static class RequestLimits
{
    /// <summary>From the plugin's start to its response.</summary>
    public static TimeSpan OfPlugin(string command) =>
        TimeSpan.FromSeconds(command switch { "STATUS" => 2.7, "GC" => 25, "DEL" => 50, _ => 55 });

    /// <summary>From the agent's receipt of the request to its response. Work that can't be interrupted continues beyond it.</summary>
    public static TimeSpan OfAgent(string command) =>
        TimeSpan.FromSeconds(command switch { "STATUS" => 2, "GC" => 22, "DEL" => 45, _ => 50 });
}
