namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>A forwarding pipeline config that this target can't realize; the message names what does not fit.</summary>
internal sealed class PipelineException : Exception
{
    public PipelineException(string message)
        : base(message)
    {
    }

    public PipelineException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
