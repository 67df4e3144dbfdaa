using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Ipam;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// DEL: succeeds however little is left, while the ACC is away, and whatever the configuration has become since the ADD. What is to be removed is in the
/// claim; the request's configuration only helps where there is none. The namespace is never entered: the device goes by its far end.
/// </summary>
internal sealed class DelOperation(AgentServices services, Remover remover)
{
    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        var given = call.Config.IpamType.Length > 0 && call.Environment.Path.Length > 0 ? call.ToIpam() : null;
        if (services.Claims.Get(call.Key) is not { } claim)
        {
            // Never added, undone, or removed before. The address is given back all the same, in case the claim was lost.
            call.AddErrorText(await remover.RemoveAsync(call.Key, null, given, ipamMayFail: true));
            return;
        }
        call.AddErrorText(await remover.RemoveAsync(call.Key, claim, Stored(claim, call) ?? given, given));
    }

    // Plugins may have moved since the ADD.
    private static IpamRequest? Stored(Claim claim, CniCall call) =>
        StoredCall.ToIpam(claim) is { } stored ? stored with { Path = $"{stored.Path}:{call.Environment.Path}" } : null;
}
