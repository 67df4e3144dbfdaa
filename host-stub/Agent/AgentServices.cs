using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>What the operations share.</summary>
internal sealed class AgentServices : IDisposable
{
    // The kernel does one link operation at a time; more waiting threads gain nothing.
    private const int MostDeviceOperations = 8;

    private readonly SemaphoreSlim _devices = new(MostDeviceOperations);

    public required AgentConfig Config { get; init; }

    public required ClaimTable Claims { get; init; }

    public required AccLink Acc { get; init; }

    public required IpamDelegate Ipam { get; init; }

    /// <summary>What the host's interface is, always, and the pods' devices unless configured otherwise.</summary>
    public required VethKind Veth { get; init; }

    public required DevicePools Pools { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>The host's own conditions; null before the agent is put together.</summary>
    public AgentConditions? Conditions { get; set; }

    /// <summary>Called with the name of each step that was just completed; a test ends the process there.</summary>
    public Action<string> Step { get; init; } = static _ => { };

    public KeyedLock<AttachmentKey> Locks { get; } = new();

    public void Dispose() => _devices.Dispose();

    /// <summary>Runs kernel operations, which block, beside the requests.</summary>
    public async Task<T> OnDevicesAsync<T>(Func<T> code)
    {
        await _devices.WaitAsync().ConfigureAwait(false);
        try
        {
            return await Task.Run(code).ConfigureAwait(false);
        }
        finally
        {
            _devices.Release();
        }
    }
}
