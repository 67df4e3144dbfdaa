namespace ACCOffload.HostStub.Cni;

/// <summary>A failure that the runtime is told as a CNI error object.</summary>
internal sealed class CniException : Exception
{
    private const int MaxLine = 400;

    public CniException(CniErrorCode code, string message, string details = "")
        : this((int)code, message, details)
    {
    }

    /// <summary>A delegated plugin's error keeps its own code, which may be none of ours.</summary>
    public CniException(int code, string message, string details)
        : base(message)
    {
        Code = code;
        Details = details;
    }

    public int Code { get; }

    public string Details { get; }

    /// <summary>Nothing was begun: the request may be kept and handed in again.</summary>
    public bool NotTaken { get; init; }

    /// <summary>A delegated plugin's own, well-formed error: by the specification it has undone what it did.</summary>
    public bool OfDelegate { get; init; }

    /// <summary>Message and details on one line, for the log: escaped and cut, since they may quote what a network's author or a plugin wrote.</summary>
    public string OneLine => ConfigurationError.OneLine(Details.Length == 0 ? Message : $"{Message}: {Details}", MaxLine);

    /// <summary>Why something failed, in one line.</summary>
    public static string ReasonOf(Exception e) => e is CniException cni ? cni.OneLine : e.Message;
}
