using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Compares the claims with the kernel: after a start, and again from time to time. Halves are undone, what could not be removed is
/// tried again; a device that went without a DEL is reported.
/// </summary>
internal sealed partial class Recovery(AgentServices services, Remover remover, Presence presence)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private readonly HashSet<string> _reportedOrphans = [];

    /// <summary>Data-plane ends that no claim knows.</summary>
    public IReadOnlyList<string> Orphans { get; private set; } = [];

    /// <summary>Takes the locks of all halves, so that no request comes between, and undoes them beside the requests for others.</summary>
    public async Task<Task> StartAsync()
    {
        await CompareAsync();
        var work = new List<Task>();
        foreach (var claim in services.Claims.All().Where(c => c.State is ClaimState.Adding or ClaimState.Deleting && !c.IsHost))
        {
            LogHalf(claim.Key, claim.State == ClaimState.Adding ? "added" : "removed");
            var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            if (holder is not null)
            {
                work.Add(Task.Run(() => FinishAsync(claim, holder)));
            }
        }
        return Task.WhenAll(work);
    }

    /// <summary>Once more what failed before; what a request is busy with is left alone.</summary>
    public async Task RetryAsync()
    {
        await CompareAsync();
        foreach (var claim in services.Claims.All().Where(c => c.State == ClaimState.Deleting && !c.IsHost))
        {
            var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            if (holder is null)
            {
                continue;
            }

            if (ReferenceEquals(services.Claims.Get(claim.Key), claim))
            {
                await FinishAsync(claim, holder);
            }
            else
            {
                holder.Dispose();
            }
        }
    }

    private async Task FinishAsync(Claim claim, IDisposable holder)
    {
        using (holder)
        {
            try
            {
                await remover.RemoveAsync(claim.Key, claim, StoredCall.ToIpam(claim));
            }
            catch (CniException e)
            {
                LogStillThere(claim.Key, e.OneLine);
            }
        }
    }

    private async Task CompareAsync()
    {
        // Before the claims: what is made after the list was read must not look like nobody's.
        var devices = await services.OnDevicesAsync(services.Veth.List);
        await presence.LookAsync();
        var known = services.Claims.All().Select(c => c.PortName).ToHashSet();
        Orphans = devices.Where(d => !known.Contains(d.Name)).Select(d => d.Alias.Length > 0 ? $"{d.Name} ({d.Alias})" : d.Name).ToArray();
        foreach (var orphan in Orphans)
        {
            if (_reportedOrphans.Add(orphan))
            {
                LogOrphan(orphan);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Key} was only half {Word} when the agent stopped: removing it")]
    private partial void LogHalf(AttachmentKey key, string word);

    [LoggerMessage(LogLevel.Error, "{Key} can't be removed entirely, it will be tried again: {Reason}")]
    private partial void LogStillThere(AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Warning, "No claim knows the device {Device}; GC of its network removes it")]
    private partial void LogOrphan(string device);
}
