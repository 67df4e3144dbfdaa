namespace ACCOffload.InfraManager.State.Services;

/// <summary>The session affinity timeouts that the pipeline supports.</summary>
internal static class AffinityClass
{
    private static readonly int[] Seconds = [10, 30, 60, 120, 300, 43200];

    /// <summary>
    /// The pipeline's number for a timeout in seconds: that of the next longer supported one, or of the longest; 0 for none.
    /// </summary>
    public static int Of(int seconds)
    {
        if (seconds == 0)
        {
            return 0;
        }

        var index = Array.FindIndex(Seconds, s => s >= seconds);
        return index < 0 ? Seconds.Length : index + 1;
    }

    /// <summary>The timeout that actually applies, in seconds.</summary>
    public static int SecondsOf(int seconds) => Of(seconds) is var c and > 0 ? Seconds[c - 1] : 0;
}
