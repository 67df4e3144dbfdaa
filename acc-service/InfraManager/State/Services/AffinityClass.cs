namespace ACCOffload.InfraManager.State.Services;

/// <summary>The times for which the pipeline can remember whom a client sticks to.</summary>
internal static class AffinityClass
{
    private static readonly int[] Seconds = [10, 30, 60, 120, 300, 43200];

    /// <summary>The pipeline's number for a time: that of the next longer one, or of the longest; 0 for none.</summary>
    public static int Of(int seconds)
    {
        if (seconds == 0)
        {
            return 0;
        }

        var index = Array.FindIndex(Seconds, s => s >= seconds);
        return index < 0 ? Seconds.Length : index + 1;
    }

    /// <summary>For how long a client really sticks, in seconds.</summary>
    public static int SecondsOf(int seconds) => Of(seconds) is var c and > 0 ? Seconds[c - 1] : 0;
}
