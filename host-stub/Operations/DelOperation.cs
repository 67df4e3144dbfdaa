using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Ipam;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// DEL. It succeeds no matter how much of the attachment is left, whether or not the ACC is reachable, and even if the configuration has
/// changed since the ADD. The claim says what to remove; the request's configuration matters only where there is no claim. A veth is
/// deleted through its far end, without entering the namespace.
/// </summary>
internal sealed class DelOperation(AgentServices services, Remover remover)
{
    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        var requested = call.Config.IpamType.Length > 0 && call.Environment.Path.Length > 0 ? call.ToIpam() : null;
        if (services.Claims.Get(call.Key) is not { } claim)
        {
            // Never added, undone, or already removed. The address is released anyway, in case the claim was lost.
            call.AddErrorText(await remover.RemoveAsync(call.Key, null, requested, ipamMayFail: true));
            return;
        }
        call.AddErrorText(await remover.RemoveAsync(call.Key, claim, Stored(claim, call) ?? requested, requested));
    }

    // Plugins may have been moved since the ADD.
    private static IpamRequest? Stored(Claim claim, CniCall call) =>
        StoredCall.ToIpam(claim) is { } stored ? stored with { Path = $"{stored.Path}:{call.Environment.Path}" } : null;
}
