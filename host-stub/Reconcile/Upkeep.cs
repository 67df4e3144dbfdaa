using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>Sees to it that there are the devices that the configuration wants: virtual functions in their number, subfunctions that are warm.</summary>
internal sealed partial class Upkeep(AgentServices services)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private readonly Dictionary<(string, string), string> _told = [];

    /// <summary>Does what there is to do; a failure is logged, and tried again the next time.</summary>
    public async Task RunAsync()
    {
        IReadOnlyList<(string Kind, UpkeepStep Step)> steps;
        try
        {
            steps = await services.OnDevicesAsync(services.Pools.Upkeep);
            _told.Remove(("", ""));
        }
        catch (LinuxException e)
        {
            Tell("", "", e.Message);
            return;
        }
        foreach (var (kind, step) in steps)
        {
            try
            {
                await services.OnDevicesAsync(() =>
                {
                    step.Run();
                    return true;
                });
                _told.Remove((kind, step.Device));
                LogMade(kind, step.Device);
            }
            catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
            {
                // A physical function is nobody's device; what is one is left alone for a while.
                if (kind == "sf" && DeviceFault.IsOfDevice(e))
                {
                    services.Pools.SetAside.Add(kind, step.Device, e.Message);
                }

                Tell(kind, step.Device, e.Message);
            }
        }
    }

    private void Tell(string kind, string device, string reason)
    {
        if (_told.GetValueOrDefault((kind, device)) == reason)
        {
            return;
        }

        _told[(kind, device)] = reason;
        LogFailed(kind, device, reason);
    }

    [LoggerMessage(LogLevel.Information, "The {Kind} pool has what it wants of {Device}")]
    private partial void LogMade(string kind, string device);

    [LoggerMessage(LogLevel.Error, "The {Kind} pool can't have what it wants of {Device}, trying again: {Reason}")]
    private partial void LogFailed(string kind, string device, string reason);
}
