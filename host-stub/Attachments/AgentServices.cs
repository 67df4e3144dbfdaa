using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Attachments;

/// <summary>What the operations share.</summary>
internal sealed class AgentServices
{
    // The kernel does one link operation at a time; more waiting threads gain nothing.
    private const int MostDeviceOperations = 8;

    // A target that is slow to make TAPs, or hardware that is slow to make subfunctions, keeps its own network waiting.
    private const int MostOfNetwork = 4;
    private static readonly TimeSpan DeviceSlotLimit = TimeSpan.FromSeconds(30);

    private readonly NetworkSlots _devices = new(MostDeviceOperations, MostOfNetwork);

    public required AgentConfig Config { get; init; }

    public required ClaimTable Claims { get; init; }

    public required AccLink Acc { get; init; }

    public required IpamDelegate Ipam { get; init; }

    /// <summary>What the host's interface is, always, and the pods' devices unless configured otherwise.</summary>
    public required VethKind Veth { get; init; }

    public required DevicePools Pools { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Called with the name of each step that was just completed; a test ends the process there.</summary>
    public Action<string> Step { get; init; } = static _ => { };

    public KeyedLock<AttachmentKey> Locks { get; } = new();

    /// <summary>Attaches, outside of an ADD, and records the port that the ACC lends.</summary>
    /// <returns>The claim with the port that it has now, and the ACC's answer.</returns>
    /// <exception cref="CniException">The ACC refused it, or can't be reached within five seconds.</exception>
    public async Task<(Claim Claim, Protos.V1.AttachReply Reply)> AttachAsync(Claim claim)
    {
        var reply = await Acc.AttachAsync(claim, DateTime.UtcNow + AccLink.RestateLimit, CancellationToken.None);
        var lent = claim.WithPort(reply);
        if (!ReferenceEquals(lent, claim))
        {
            await Claims.PutAsync(lent);
        }

        return (lent, reply);
    }

    /// <summary>Runs kernel operations, which block, beside the requests.</summary>
    /// <param name="code">The operations.</param>
    /// <param name="network">The network that they are for; empty: the agent's own.</param>
    /// <exception cref="CniException">Error 11: the network's share was in use for too long.</exception>
    public async Task<T> OnDevicesAsync<T>(Func<T> code, string network = "")
    {
        using var slot = await _devices.EnterAsync(network, DeviceSlotLimit)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"the network {network} has {_devices.RunningOf(network)} device operations under way, try again later",
                $"none ended within {DeviceSlotLimit.TotalSeconds:0} s");
        return await Task.Run(code);
    }
}
