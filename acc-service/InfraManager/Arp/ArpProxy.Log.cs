using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Arp;

internal sealed partial class ArpProxy
{
    [LoggerMessage(Level = LogLevel.Information, Message = "ARP is answered on {Link} with {Mac}")]
    private partial void LogOpened(string link, MacAddress mac);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ARP is not answered: {Reason}; trying again")]
    private partial void LogProblem(string reason);
}
