using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Package;
using ACCOffload.InfraManager.Tests.Support;
using Google.Protobuf;

namespace ACCOffload.InfraManager.Tests.Target;

/// <summary>The files of a package of release 24.01.</summary>
public sealed class PackageFilesTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_package_is_read_with_its_P4Info_as_text_or_as_a_configured_binary()
    {
        var package = Write("k8s_dp.pb.bin", TestPipeline.Artifacts.DeviceConfig);
        _folder.Write("p4Info.txt", "tables { preamble { id: 33554433 name: \"c.t\" alias: \"t\" } }");
        var text = PipelineArtifacts.LoadPackage(package, null);
        Assert.Equal("c.t", Assert.Single(text.Pipeline.Tables).Name);
        Assert.Equal(TestPipeline.Artifacts.DeviceConfig, text.DeviceConfig);

        var info = Write("info.bin", PackageInfo.Dpdk().ToByteArray());
        var binary = PipelineArtifacts.Of(new PipelineSettings("/none", package, info), PipelineProfiles.Dpdk2401)!;
        Assert.Equal(PackageInfo.Dpdk(), binary.Pipeline.Info);
        Assert.NotEqual(text.Cookie, binary.Cookie);
        Assert.Null(PipelineArtifacts.Of(new PipelineSettings("/none", null, null), PipelineProfiles.Dpdk2401));
    }

    [Fact]
    public void An_invalid_package_is_reported_before_the_push()
    {
        var package = _folder.At("k8s_dp.pb.bin");
        Assert.Contains($"{package} can't be read", Fault(package), StringComparison.Ordinal);
        Write("p4Info.txt", []);
        Write("k8s_dp.pb.bin", [0xff, 0xff, 1]);
        Assert.Contains("is not a device configuration of infrap4d", Fault(package), StringComparison.Ordinal);
        Write("k8s_dp.pb.bin", []);
        Assert.Contains("a profile's context or binary is missing", Fault(package), StringComparison.Ordinal);
        Write("k8s_dp.pb.bin", TestPipeline.Artifacts.DeviceConfig);
        _folder.Write("p4Info.txt", "pkg_info {\n nothing: 1 }");
        Assert.Contains("line 2: PkgInfo has no field 'nothing'", Fault(package), StringComparison.Ordinal);
    }

    private static string Fault(string package) =>
        Assert.Throws<InvalidDataException>(() => PipelineArtifacts.LoadPackage(package, null)).Message;

    private string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(_folder.At(name), bytes);
        return _folder.At(name);
    }
}
