using ACCOffload.Differential.Coverage;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.K8s;

/// <summary>
/// What DPDK 22.11 does wrong without a word, so that no packet may find out. The committed pipeline has to stay clear of it: the
/// soft target does what the specification says.
/// </summary>
public sealed class K8sLimitsTests(ITestOutputHelper output)
{
    // Policy, IPv6 and tunnels need 48 of the 256 bytes, and 8 are for what nobody thought of.
    private const int MetadataLimit = 200;

    private readonly SpecLines _spec = new(TestSettings.Spec("k8s_dp.spec"));

    [Fact]
    public void The_engine_knows_of_no_difference()
        => Assert.Empty(SwxProgram.Parse(TestSettings.Spec("k8s_dp.spec")).Warnings);

    [Fact]
    public void Operands_are_within_the_first_256_bytes()
        // Instructions keep an operand's offset in 8 bits.
        => Assert.DoesNotContain(_spec.Offsets(), f => f.Offset > 255);

    [Fact]
    public void Metadata_leaves_room_for_policy_IPv6_and_tunnels()
    {
        var used = _spec.MetadataBytes;
        output.WriteLine($"metadata: {used} bytes; {MetadataLimit - used} left of {MetadataLimit}");
        Assert.True(used <= MetadataLimit, $"{used} bytes of metadata, at most {MetadataLimit}");
    }

    [Fact]
    public void Hashes_go_to_the_first_32_bytes_of_the_metadata()
    {
        // The offset is cut to 8 bits while it still counts bits.
        var metadata = _spec.Offsets().Where(f => f.Struct == _spec.MetadataType).ToDictionary(f => f.Field, f => f.Offset);
        Assert.Empty(_spec.Instructions().Where(i => i[0] == "hash" && metadata[i[2]["m.".Length..]] > 31).Select(i => string.Join(' ', i)));
    }

    [Fact]
    public void Registers_are_not_written_with_two_immediates()
    {
        // Such an instruction takes the program's first array, whatever it names.
        var first = _spec.Lines.First(l => l is ["regarray", ..])[1];
        Assert.Empty(_spec.Instructions()
            .Where(i => InstructionVariant.Of(i, _spec) is "regadd I I" or "regwr I I" && i[1] != first).Select(i => string.Join(' ', i)));
    }
}
