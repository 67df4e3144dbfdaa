namespace ACCOffload.InfraManager.Target;

internal sealed partial class P4Target
{
    [LoggerMessage(Level = LogLevel.Information, Message = "pipeline {Pipeline} was pushed to the target (cookie {Cookie:x16})")]
    private partial void LogPushed(string pipeline, ulong cookie);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target can't list its ports ({Reason}); ports that belong to no endpoint stay")]
    private partial void LogCannotList(string reason);
}
