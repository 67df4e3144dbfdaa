using System.Runtime.InteropServices;

namespace ACCOffload.TestKit;

/// <summary>The binaries built by 'make publish': tests run the same ones as users.</summary>
public static class Published
{
    public static string Rid { get; } = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";

    public static string InfraManager => Repository.At($"out/{Rid}/inframanager/inframanager");

    public static string HostStub => Repository.At($"out/{Rid}/host-stub/host-stub");
}
