using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Target;

/// <summary>What a target needs to know to create a port or to determine its number.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mac">The MAC address of its device.</param>
/// <param name="IsTap">Whether the target creates the link itself.</param>
/// <param name="Mtu">The MTU in bytes.</param>
internal readonly record struct PortSpec(string Name, MacAddress Mac, bool IsTap, int Mtu)
{
    /// <summary>The port of an endpoint. TAPs of a 24.01 agent are not created here: they exist before the agent starts.</summary>
    public static PortSpec Of(EndpointSpec spec, int mtu) =>
        new(spec.PortName, spec.Mac, spec.Device == DeviceKind.Tap && spec.Origin == ApiOrigin.Offload, spec.Mtu == 0 ? mtu : spec.Mtu);
}
