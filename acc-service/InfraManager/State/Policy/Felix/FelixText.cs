namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>Text from Felix in messages for operators.</summary>
internal static class FelixText
{
    private const int MaxShownLength = 80;

    /// <summary>The text in one line, without control characters, and cut off.</summary>
    public static string Shown(string text) => ConfigurationError.OneLine(text, MaxShownLength);
}
