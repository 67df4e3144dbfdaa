using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Values;

/// <summary>The vport numbers that follow from a function's MAC address on the hardware of release 24.01.</summary>
internal static class VportNumbers
{
    private const int FirstPort = 16;

    /// <summary>The number of the function's virtual station interface: the MAC's second byte.</summary>
    public static uint VsiOf(MacAddress mac) => (uint)(mac.Value >> 32) & 0xff;

    /// <summary>The port's number in the pipeline.</summary>
    public static uint PortOf(MacAddress mac) => VsiOf(mac) + FirstPort;
}
