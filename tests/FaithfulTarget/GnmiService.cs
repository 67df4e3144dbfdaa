using Gnmi;
using Grpc.Core;

namespace ACCOffload.FaithfulTarget;

/// <summary>The gNMI service, for ports only.</summary>
internal sealed class GnmiService(TargetProcess process) : gNMI.gNMIBase
{
    public override Task<CapabilityResponse> Capabilities(CapabilityRequest request, ServerCallContext context) =>
        Task.FromResult(new CapabilityResponse { GNMIVersion = "0.7.0", SupportedEncodings = { Encoding.Proto } });

    public override Task<GetResponse> Get(GetRequest request, ServerCallContext context) =>
        Task.FromResult(process.Device.GetPorts(request));

    public override Task<SetResponse> Set(SetRequest request, ServerCallContext context) =>
        Task.FromResult(process.Device.SetPorts(request));
}
