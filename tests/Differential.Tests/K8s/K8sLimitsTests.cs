using ACCOffload.DpdkOracle.Coverage;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// DPDK 22.11 silently misexecutes some programs, and a packet test might not notice. The committed pipeline must avoid these
/// cases: the soft target follows the specification.
/// </summary>
public sealed class K8sLimitsTests(ITestOutputHelper output)
{
    // Of the 256 bytes, 48 are reserved for policy and IPv6, and 8 are spare.
    private const int MetadataLimit = 200;

    private readonly SpecLines _spec = new(TestSettings.Spec("k8s_dp.spec"));

    [Fact]
    public void The_engine_reports_no_known_difference()
        => Assert.Empty(SwxProgram.Parse(TestSettings.Spec("k8s_dp.spec")).Warnings);

    [Fact]
    public void Operands_are_within_the_first_256_bytes()
        // DPDK stores an operand's offset in 8 bits.
        => Assert.DoesNotContain(_spec.Offsets(), f => f.Offset > 255);

    [Fact]
    public void Metadata_leaves_room_for_policy_and_IPv6()
    {
        var used = _spec.MetadataBytes;
        output.WriteLine($"metadata: {used} bytes; {MetadataLimit - used} left of {MetadataLimit}");
        Assert.True(used <= MetadataLimit, $"{used} bytes of metadata, at most {MetadataLimit}");
    }

    [Fact]
    public void Keys_of_policy_are_not_copied_to_metadata()
    {
        string[] tables = ["peers", "nets", "ports", "port_ranges", "egress_groups", "ingress_groups", "verdicts"];
        var program = SwxProgram.Parse(TestSettings.Spec("k8s_dp.spec"));
        Assert.All(tables.SelectMany(t => program.FindTable(t)!.Key), f => Assert.Contains("judge.", f.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Hashes_go_to_the_first_32_bytes_of_the_metadata()
    {
        // DPDK truncates the offset to 8 bits while it is still in bits.
        var metadata = _spec.Offsets().Where(f => f.Struct == _spec.MetadataType).ToDictionary(f => f.Field, f => f.Offset);
        Assert.Empty(_spec.Instructions().Where(i => i[0] == "hash" && metadata[i[2]["m.".Length..]] > 31)
            .Select(i => string.Join(' ', i)));
    }

    [Fact]
    public void Only_the_first_register_array_is_written_with_two_immediates()
    {
        // DPDK executes such an instruction on the program's first array, whichever one it names.
        var first = _spec.Lines.First(l => l is ["regarray", ..])[1];
        Assert.Empty(_spec.Instructions()
            .Where(i => InstructionVariant.Of(i, _spec) is "regadd I I" or "regwr I I" && i[1] != first).Select(i => string.Join(' ', i)));
    }
}
