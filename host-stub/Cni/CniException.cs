namespace ACCOffload.HostStub.Cni;

/// <summary>A failure that is reported to the runtime as a CNI error.</summary>
internal sealed class CniException : Exception
{
    private const int MaxLine = 400;

    public CniException(CniErrorCode code, string message, string details = "")
        : this((int)code, message, details)
    {
    }

    /// <summary>For a delegated plugin's error, which keeps its own code.</summary>
    public CniException(int code, string message, string details)
        : base(message)
    {
        Code = code;
        Details = details;
    }

    public int Code { get; }

    public string Details { get; }

    /// <summary>The request was not started: it may be stored and sent again.</summary>
    public bool NotStarted { get; init; }

    /// <summary>A well-formed error of a delegated plugin: according to the specification, the plugin has undone its work.</summary>
    public bool FromDelegate { get; init; }

    /// <summary>
    /// Message and details in one line, for the log. Escaped and truncated, because they may quote a network configuration or a plugin.
    /// </summary>
    public string OneLine => ConfigurationError.OneLine(Details.Length == 0 ? Message : $"{Message}: {Details}", MaxLine);

    /// <summary>Why something failed, in one line.</summary>
    public static string ReasonOf(Exception e) => e is CniException cni ? cni.OneLine : e.Message;
}
