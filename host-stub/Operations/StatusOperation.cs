using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// STATUS. A runtime that hears 50 marks the node as not ready, and healthy pods are evicted; so it is said only when no ADD can
/// work at all, and not for as long as an ACC takes to boot. Exhausted addresses or devices are an ADD's error.
/// </summary>
internal sealed class StatusOperation(AgentServices services, AgentConditions conditions)
{
    private static readonly TimeSpan IpamLimit = TimeSpan.FromSeconds(1);

    public async Task RunAsync(CniCall call)
    {
        var state = services.Acc.State;
        if (state.UnusableSince is { } since && !IsGraceful(state.EverUsable, since))
        {
            throw new CniException(CniErrorCode.NotAvailable,
                $"the ACC at {services.Config.Acc.Address.Authority} can't attach pods since {since:u}", state.Reason);
        }
        if (conditions.BlockingFor(services.Config.Acc.StatusGrace) is { } blocking)
        {
            throw new CniException(CniErrorCode.NotAvailable, $"this host can't attach pods since {blocking.Since:u}: {blocking.Condition.Name}", blocking.Condition.Reason);
        }

        foreach (var device in services.Pools.SetAside.All())
        {
            call.AddErrorText($"host-stub: {device.Kind} {device.Device} is set aside until {device.Until:u}: {device.Reason}\n");
        }

        if (call.Config.IpamType.Length > 0 && call.Environment.Path.Length > 0)
        {
            await AskIpamAsync(call);
        }
    }

    // A plugin that is slow to answer may give addresses all the same; one that answers with an error is believed.
    private async Task AskIpamAsync(CniCall call)
    {
        try
        {
            await services.Ipam.RunIfSupportedAsync("STATUS", call.ToIpam(), IpamLimit);
        }
        catch (CniException e) when (e is { Code: (int)CniErrorCode.TryAgainLater, OfDelegate: false })
        {
            call.AddErrorText($"host-stub: {e.OneLine}\n");
        }
    }

    // On a node without pods that never reached its ACC there is nobody to evict, and much to schedule elsewhere.
    private bool IsGraceful(bool everUsable, DateTimeOffset since)
    {
        var pods = services.Claims.All().Any(c => !c.IsHost && c.State == ClaimState.Attached);
        return (everUsable || pods) && services.Time.GetUtcNow() - since < services.Config.Acc.StatusGrace;
    }
}
