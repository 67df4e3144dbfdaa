using Gnmi;
using Grpc.Core;

namespace ACCOffload.Faithful;

/// <summary>gNMI, of ports only.</summary>
internal sealed class GnmiService(Life life) : gNMI.gNMIBase
{
    public override Task<CapabilityResponse> Capabilities(CapabilityRequest request, ServerCallContext context) =>
        Task.FromResult(new CapabilityResponse { GNMIVersion = "0.7.0", SupportedEncodings = { Encoding.Proto } });

    public override Task<GetResponse> Get(GetRequest request, ServerCallContext context) => Task.FromResult(life.Device.GetPorts(request));

    public override Task<SetResponse> Set(SetRequest request, ServerCallContext context) => Task.FromResult(life.Device.SetPorts(request));
}
