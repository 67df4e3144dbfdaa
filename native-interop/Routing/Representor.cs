namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// The names that drivers give the ports of a switch (phys_port_name): a representor of a function on another host is prefixed by that host's controller number.
/// </summary>
public static class Representor
{
    /// <summary>The port of a physical function: "pf0", "c1pf0".</summary>
    public static string PhysicalFunction(int pf, uint? controller = null) => $"{Prefix(controller)}pf{pf}";

    /// <summary>The port of a virtual function: "pf0vf3", "c1pf0vf3".</summary>
    public static string VirtualFunction(int pf, int vf, uint? controller = null) => $"{Prefix(controller)}pf{pf}vf{vf}";

    /// <summary>The port of a subfunction: "pf0sf7", "c1pf0sf7".</summary>
    public static string Subfunction(int pf, uint sf, uint? controller = null) => $"{Prefix(controller)}pf{pf}sf{sf}";

    private static string Prefix(uint? controller) => controller is > 0 ? $"c{controller}" : "";
}
