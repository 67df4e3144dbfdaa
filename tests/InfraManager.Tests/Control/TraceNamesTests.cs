using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Tests.Control;

public sealed class TraceNamesTests
{
    [Theory]
    [InlineData("0x0af40102", ValueFormat.Address, "10.244.1.2")]
    [InlineData("0x000000000af40102", ValueFormat.Address, "10.244.1.2")]
    [InlineData("0x020000000001", ValueFormat.Mac, "02:00:00:00:00:01")]
    [InlineData("0x0000020000000001", ValueFormat.Mac, "02:00:00:00:00:01")]
    [InlineData("0x0100020000000001", ValueFormat.Mac, "0x0100020000000001")]
    [InlineData("0x00000007", ValueFormat.Number, "7")]
    [InlineData("0x00112233445566778899", ValueFormat.Number, "0x00112233445566778899")]
    [InlineData("7", ValueFormat.Number, "7")]
    [InlineData("0xzz", ValueFormat.Number, "0xzz")]
    [InlineData("0x", ValueFormat.Address, "0x")]
    public void Bits_are_formatted_or_left_unchanged(string bits, ValueFormat format, string expected) =>
        Assert.Equal(expected, TraceNames.Format(bits, format));

    [Theory]
    [InlineData("drops[3]", "spoofed_ip")]
    [InlineData("k8s_dp_control.drops[1]", "unknown_port")]
    [InlineData("drops[99]", "drops[99]")]
    [InlineData("drops[-1]", "drops[-1]")]
    [InlineData("other[3]", "other[3]")]
    [InlineData("", "")]
    [InlineData("drops[", "drops[")]
    public void A_counter_cell_is_replaced_with_its_reason(string cell, string expected) => Assert.Equal(expected, DropReasons.Name(cell));
}
