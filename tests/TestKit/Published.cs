using System.Runtime.InteropServices;

namespace ACCOffload.TestKit;

/// <summary>Where 'make publish' puts the binaries: tests run what users run.</summary>
public static class Published
{
    public static string Rid { get; } = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";

    public static string InfraManager => Repository.At($"out/{Rid}/inframanager/inframanager");

    public static string HostStub => Repository.At($"out/{Rid}/host-stub/host-stub");
}
