using System.Globalization;
using System.Text.RegularExpressions;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Sandbox.Tests.Exposure;

/// <summary>The exposure of the units according to `systemd-analyze security`, from 0 (fully confined) to 10.</summary>
public sealed partial class ExposureTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("accoffload-exposure-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("inframanager.service", "", 1.5)]
    [InlineData("inframanager.service", "embedded.conf", 2.3)]
    [InlineData("inframanager.service", "uplink.conf", 2.3)]
    [InlineData("host-stub-agent.service", "", 4.0)]
    [InlineData("host-stub-ports.service", "", 4.0)]
    public async Task The_exposure_of_a_unit_is_within_its_limit(string unit, string dropIn, double limit)
    {
        Needs.Program("systemd-analyze", "systemd");
        foreach (var overlay in new[] { "overlay", "overlay-host" })
        {
            await Shell.RunAsync(null, "cp", ["--archive", $"{Repository.Root}/rootfs/{overlay}/.", _root]).Succeeded();
        }

        if (dropIn.Length > 0)
        {
            // A copy, because a link's target would be resolved outside the root.
            var folder = Directory.CreateDirectory($"{_root}/etc/systemd/system/inframanager.service.d").FullName;
            File.Copy($"{_root}/usr/share/accoffload/{dropIn}", $"{folder}/{dropIn}");
        }

        var report = await Shell.RunAsync(null, "systemd-analyze", ["security", "--offline=true", "--no-pager", $"--root={_root}", unit])
            .Succeeded();
        var exposure = double.Parse(Overall().Match(report.Output).Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.True(exposure <= limit, $"{unit}: {exposure}, more than {limit}\n{report.Output}");
        // Makes sure that the report covers this configuration: the agent has the capability, InfraManager only with the drop-in.
        var raw = report.Output.Split('\n')
            .Single(line => line.Contains("CapabilityBoundingSet=~CAP_NET_ADMIN ", StringComparison.Ordinal));
        Assert.Equal(unit == "host-stub-agent.service" || dropIn.Length > 0, raw.StartsWith('✗'));
    }

    [GeneratedRegex(@"Overall exposure level for \S+: ([0-9]+\.[0-9]+)")]
    private static partial Regex Overall();
}
