using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// STATUS. On error 50 a runtime marks the node as not ready, and healthy pods are evicted. It is therefore returned only after no ADD
/// could have succeeded for longer than an ACC takes to boot; a node without pods that never reached its ACC does not wait. Exhausted
/// addresses or devices are an ADD's error.
/// </summary>
internal sealed class StatusOperation(AgentServices services, AgentConditions conditions)
{
    private static readonly TimeSpan IpamLimit = TimeSpan.FromSeconds(1);

    public async Task RunAsync(CniCall call)
    {
        var state = services.Acc.State;
        if (state.UnusableSince is { } since && !IsWithinGrace(state.EverUsable, since))
        {
            throw new CniException(CniErrorCode.NotAvailable,
                $"the ACC at {services.Config.Acc.Address.Authority} has been unable to attach pods since {since:u}", state.Reason);
        }
        if (conditions.BlockingFor(services.Config.Acc.StatusGrace) is { } blocking)
        {
            throw new CniException(
                CniErrorCode.NotAvailable,
                $"this host has been unable to attach pods since {blocking.Since:u}: {blocking.Condition.Name}",
                blocking.Condition.Reason);
        }

        foreach (var device in services.Pools.Quarantine.All())
        {
            call.AddErrorText($"host-stub: {device.Kind} {device.Device} is set aside until {device.Until:u}: {device.Reason}\n");
        }

        if (call.Config.IpamType.Length > 0 && call.Environment.Path.Length > 0)
        {
            await AskIpamAsync(call);
        }
    }

    // A slow plugin is not a failure, because it may still assign addresses. Only an error that it returns counts.
    private async Task AskIpamAsync(CniCall call)
    {
        try
        {
            await services.Ipam.RunIfSupportedAsync("STATUS", call.ToIpam(), IpamLimit);
        }
        catch (CniException e) when (e is { Code: (int)CniErrorCode.TryAgainLater, FromDelegate: false })
        {
            call.AddErrorText($"host-stub: {e.OneLine}\n");
        }
    }

    // A node without pods that never reached its ACC gets no grace period: there are no pods to evict, and new ones are better scheduled
    // elsewhere.
    private bool IsWithinGrace(bool everUsable, DateTimeOffset since)
    {
        var pods = services.Claims.All().Any(c => !c.IsHost && c.State == ClaimState.Attached);
        return (everUsable || pods) && services.Time.GetUtcNow() - since < services.Config.Acc.StatusGrace;
    }
}
