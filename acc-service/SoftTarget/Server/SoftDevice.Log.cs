using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Server;

internal sealed partial class SoftDevice
{
    [LoggerMessage(1, LogLevel.Information, "Pipeline with cookie {Cookie:x16} committed, {Tables} tables")]
    private static partial void LogCommitted(ILogger logger, ulong cookie, int tables);

    [LoggerMessage(2, LogLevel.Information, "Controller of device {DeviceId}, role \"{Role}\", election id {ElectionId}: primary {Primary}")]
    private static partial void LogArbitration(ILogger logger, ulong deviceId, string role, ElectionId electionId, bool primary);

    [LoggerMessage(3, LogLevel.Information, "Controller left, role \"{Role}\", election id {ElectionId}: was primary {Primary}")]
    private static partial void LogLeft(ILogger logger, string role, ElectionId electionId, bool primary);
}
