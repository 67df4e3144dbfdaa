using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Events;

internal sealed partial class EventRecorder
{
    [LoggerMessage(EventId = 4031, Level = LogLevel.Warning, Message = "Event {Reason} on {Kind} {Object} could not be written: {Problem}")]
    private partial void LogNotWritten(string reason, string kind, ObjectName @object, string problem);
}
