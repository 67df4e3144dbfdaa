namespace ACCOffload.Logging;

/// <summary>The shape of a log line.</summary>
public enum LogFormat
{
    /// <summary>One line with a time stamp.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,

    /// <summary>One line with the priority that journald reads.</summary>
    Systemd,
}
