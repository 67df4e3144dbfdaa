namespace ACCOffload.InfraManager.Target;

internal sealed partial class P4Target
{
    [LoggerMessage(Level = LogLevel.Information, Message = "pipeline {Pipeline} was pushed to the target (cookie {Cookie:x16})")]
    private partial void LogPushed(string pipeline, ulong cookie);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "the target runs pipeline {Pipeline} with {Tables} tables (cookie {Cookie:x16}); it is taken as it is")]
    private partial void LogFetched(string pipeline, int tables, ulong cookie);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "the target is taken for {Traits} by its P4Runtime version {Version}; Target:Traits can say otherwise")]
    private partial void LogIdentified(string traits, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "all {Count} ports of Target:Ports are there")]
    private partial void LogPoolReady(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the target can't list its ports ({Reason}); ports that belong to no endpoint stay")]
    private partial void LogCannotList(string reason);
}
