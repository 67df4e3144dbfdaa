using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Cluster;

/// <summary>cluster-up's choice of the CNI version: an older container runtime cannot read the results of 1.1.0.</summary>
public sealed class CniVersionTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "", "1.0.0")]
    [InlineData("", "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1", "1.0.0")]
    [InlineData("", "containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da", "1.0.0")]
    [InlineData("", "containerd containerd.io 2.1.9 0b1a7b2", "1.1.0")]
    [InlineData("", "containerd github.com/containerd/containerd/v2 v2.0.0-rc.1 0b1a7b2", "1.1.0")]
    [InlineData("RuntimeName:  containerd\nRuntimeVersion:  1.7.27", "containerd containerd.io 2.1.9 0b1a7b2", "1.0.0")]
    [InlineData("RuntimeName:  containerd\nRuntimeVersion:  v2.1.9", "", "1.1.0")]
    [InlineData("RuntimeName:  cri-o\nRuntimeVersion:  1.30.5", "", "1.0.0")]
    [InlineData("RuntimeName:  cri-o\nRuntimeVersion:  1.37.0", "containerd containerd.io 1.6.20 x", "1.1.0")]
    [InlineData("RuntimeName:  docker\nRuntimeVersion:  27.1.1", "", "1.0.0")]
    public async Task The_newest_version_that_the_runtime_knows_is_chosen(string crictl, string containerd, string expected)
    {
        Program("crictl", crictl);
        Program("containerd", containerd);
        Program("systemctl", "");
        var script = await File.ReadAllTextAsync($"{Repository.Root}/rootfs/cluster/machine");
        var run = (await Shell.RunAsync(null, "sh", ["-c", script, "machine", _folder.At("record"), "host", "cni-version"],
            environment: new Dictionary<string, string> { ["PATH"] = $"{_folder.Root}:/usr/bin:/bin" })).MustSucceed();
        Assert.Equal(expected, run.Output.Trim());
    }

    /// <summary>A program that prints the text; it fails when there is none, like one that finds no runtime.</summary>
    private void Program(string name, string text)
    {
        File.WriteAllText(_folder.At(name), text.Length == 0 ? "#!/bin/sh\nexit 1\n" : $"#!/bin/sh\ncat <<END\n{text}\nEND\n");
        File.SetUnixFileMode(_folder.At(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
