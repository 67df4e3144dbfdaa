using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Target;

/// <summary>What a target has to know of a port to make it, or to tell its number.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mac">Its device's address.</param>
/// <param name="IsTap">The target makes the link itself.</param>
/// <param name="Mtu">Bytes.</param>
internal readonly record struct PortSpec(string Name, MacAddress Mac, bool IsTap, int Mtu)
{
    /// <summary>The TAPs of a 24.01 agent were made with its target, before it.</summary>
    public static PortSpec Of(EndpointSpec spec, int mtu) =>
        new(spec.PortName, spec.Mac, spec.Device == DeviceKind.Tap && spec.Origin == ApiOrigin.Offload, spec.Mtu == 0 ? mtu : spec.Mtu);
}
