namespace ACCOffload.InfraManager.Target;

internal sealed partial class P4Target
{
    [LoggerMessage(Level = LogLevel.Information, Message = "pipeline {Pipeline} was pushed to the target (cookie {Cookie:x16})")]
    private partial void LogPushed(string pipeline, ulong cookie);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "the target runs pipeline {Pipeline} with {Tables} tables (cookie {Cookie:x16}); using it as it is")]
    private partial void LogFetched(string pipeline, int tables, ulong cookie);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "detected target kind {Traits} from P4Runtime version {Version}; set Target:Traits to override")]
    private partial void LogIdentified(string traits, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "all {Count} ports of Target:Ports exist")]
    private partial void LogPoolReady(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target can't list its ports ({Reason}); unused ports are not removed")]
    private partial void LogCannotList(string reason);
}
