using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Agent.Operations;

/// <summary>DEL: succeeds however little is left, and while the ACC is away. The namespace is never entered: the device goes by its far end.</summary>
internal sealed class DelOperation(AgentServices services, Remover remover)
{
    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        var claim = services.Claims.Get(call.Key);
        var ipam = call.Config.IpamType.Length > 0 ? call.ToIpam() : claim is null ? null : StoredCall.ToIpam(claim);
        if (ipam is { Path.Length: 0 })
            throw new CniException(CniErrorCode.InvalidEnvironment, "CNI_PATH is missing", "it is needed to find the IPAM plugin");
        call.AddErrorText(await remover.RemoveAsync(call.Key, claim, ipam).ConfigureAwait(false));
    }
}
