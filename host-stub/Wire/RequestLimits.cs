namespace ACCOffload.HostStub.Wire;

/// <summary>
/// How long a CNI command may take. The runtimes' limits are the largest (CRI-O kills a DEL after 60 s and a GC after 30 s, and waits for STATUS in its
/// own status), then the plugin's, then the agent's: who gives up first is who can say why.
/// </summary>
internal static class RequestLimits
{
    /// <summary>From the plugin's start to its answer.</summary>
    public static TimeSpan OfPlugin(string command) => TimeSpan.FromSeconds(command switch { "STATUS" => 2.7, "GC" => 25, "DEL" => 50, _ => 55 });

    /// <summary>From the agent's receipt of the request to its answer; the work goes on beyond it where it can't be broken off.</summary>
    public static TimeSpan OfAgent(string command) => TimeSpan.FromSeconds(command switch { "STATUS" => 2, "GC" => 22, "DEL" => 45, _ => 50 });
}
