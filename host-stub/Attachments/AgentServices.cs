using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Attachments;

/// <summary>What all operations share.</summary>
internal sealed class AgentServices
{
    // The kernel runs one link operation at a time; more waiting threads gain nothing.
    private const int MaxHostOperations = 8;

    // A target that is slow to create TAPs, or hardware that is slow to create subfunctions, delays only its own network.
    private const int MaxPerNetwork = 4;
    private static readonly TimeSpan SlotLimit = TimeSpan.FromSeconds(30);

    private readonly NetworkSlots _slots = new(MaxHostOperations, MaxPerNetwork);

    public required AgentConfig Config { get; init; }

    public required ClaimTable Claims { get; init; }

    public required AccLink Acc { get; init; }

    public required IpamDelegate Ipam { get; init; }

    public required DevicePools Pools { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Called with the name of each step when it completes; tests end the process there.</summary>
    public Action<string> Step { get; init; } = static _ => { };

    public KeyedLock<AttachmentKey> Locks { get; } = new();

    /// <summary>Attaches outside of an ADD, and records the port that the ACC assigns.</summary>
    /// <returns>The claim with its current port, and the ACC's reply.</returns>
    /// <exception cref="CniException">The ACC refused it, or can't be reached within five seconds.</exception>
    public async Task<(Claim Claim, Protos.V1.AttachReply Reply)> AttachAsync(Claim claim)
    {
        var reply = await Acc.AttachAsync(claim, DateTime.UtcNow + AccLink.RestateLimit, CancellationToken.None);
        var attached = claim.WithPort(reply);
        if (!ReferenceEquals(attached, claim))
        {
            await Claims.PutAsync(attached);
        }

        return (attached, reply);
    }

    /// <summary>Runs kernel operations, which block, on another thread.</summary>
    /// <param name="code">The operations.</param>
    /// <param name="network">The network that the operations belong to; empty for the agent's own.</param>
    /// <exception cref="CniException">Error 11: the network's share of the slots was in use for too long.</exception>
    public async Task<T> RunOnHostAsync<T>(Func<T> code, string network = "")
    {
        using var slot = await _slots.EnterAsync(network, SlotLimit)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"the network {network} has {_slots.RunningOf(network)} device "
                + "operations running, try again later",
                $"none completed within {SlotLimit.TotalSeconds:0} s");
        return await Task.Run(code);
    }
}
