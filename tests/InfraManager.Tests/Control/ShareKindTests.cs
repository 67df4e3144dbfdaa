using System.Globalization;
using System.Text.RegularExpressions;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.P4Runtime.Schema;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.Control;

/// <summary>The share kinds match the sources of the pipeline.</summary>
public sealed partial class ShareKindTests
{
    private static readonly string Sources = Path.Combine(Repository.Root, "p4src", "include", "services");

    [Fact]
    public void Limits_and_periods_match_the_sources()
    {
        var constants = Constant().Matches(File.ReadAllText(Path.Combine(Sources, "constants.p4")))
            .ToDictionary(m => m.Groups["name"].Value, m => m.Groups["value"].Value.StartsWith("0x", StringComparison.Ordinal)
                ? uint.Parse(m.Groups["value"].ValueSpan[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                : uint.Parse(m.Groups["value"].ValueSpan, CultureInfo.InvariantCulture));
        var read = Directory.EnumerateFiles(Path.GetDirectoryName(Sources)!, "*.p4", SearchOption.AllDirectories)
            .SelectMany(file => Read().Matches(File.ReadAllText(file)))
            .Select(m => (
                Kind: constants[m.Groups["kind"].Value],
                Register: m.Groups["register"].Value,
                Pod: constants[m.Groups["pod"].Value],
                Node: constants[m.Groups["node"].Value],
                Period: uint.Parse(m.Groups["period"].ValueSpan, CultureInfo.InvariantCulture)))
            .OrderBy(k => k.Kind).ToList();

        Assert.Equal(constants.Keys.Count(n => n.StartsWith("SHARE_", StringComparison.Ordinal)), read.Count);
        Assert.Equal(read.Select(
            k => (k.Register, k.Pod, k.Node, k.Period)), ShareKind.All.Select(k => (k.Register, k.PodLimit, k.NodeLimit, k.Period)));
        Assert.All(
            ShareKind.All, k => Assert.Contains(k.Name, read.Single(r => r.Register == k.Register).Register, StringComparison.Ordinal));
    }

    [Fact]
    public void The_compiled_pipeline_has_the_registers()
    {
        var pipeline = Pipeline.FromP4Info(
            P4Info.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "pipeline", "k8s_dp.p4info.bin"))));
        Assert.All(
            ShareKind.All, k => Assert.Equal((32, 4096), (pipeline.Register(k.Register).BitWidth, pipeline.Register(k.Register).Size)));
    }

    [GeneratedRegex(@"^const bit<\d+> (?<name>\w+) = (?<value>0x[0-9a-f]+|\d+);", RegexOptions.Multiline)]
    private static partial Regex Constant();

    [GeneratedRegex(@"READ_SHARE\((?<kind>\w+), EXPIRE_(?<period>\d+), (?<register>\w+), (?<pod>\w+), (?<node>\w+)\)")]
    private static partial Regex Read();
}
