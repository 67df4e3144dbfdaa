using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Model;

public sealed class ServiceBoundsTests
{
    [Fact]
    public void The_bounds_of_a_service_match_the_table_sizes_of_the_pipeline()
    {
        Assert.Equal(ServiceBounds.Frontends, SizeOf("services") / 2);
        Assert.InRange(ServiceBounds.Frontends, 1, SizeOf("frontends"));
        Assert.Equal(ServiceBounds.Backends, SizeOf("backends"));
        Assert.Equal(ServiceBounds.Backends, SizeOf("endpoints"));
        Assert.Equal(ServiceBounds.SourceRanges, SizeOf("source_ranges"));

        static long SizeOf(string table) => TestPipeline.Artifacts.Pipeline.Table(table).Size;
    }

    [Fact]
    public void Twenty_thousand_ports_or_backends_are_accepted()
    {
        ServiceRules.Check(
            TestService.Of(
                1) with
            {
                Ports = [.. Enumerable.Range(1, 20_000)
                    .Select(i => TestService.Port(1, System.Net.Sockets.ProtocolType.Tcp, (ushort)i, TestService.Remote(1)))]
            },
                    TestNode.Settings);
        ServiceRules.Check(TestService.Of(1, [.. Enumerable.Range(1, 20_000).Select(i => TestService.Remote(i))]), TestNode.Settings);
    }

    [Fact]
    public void A_service_that_exceeds_the_tables_is_refused()
    {
        var port = TestService.Of(1).Ports[0];
        Refused("ports: it has 32769 frontends (addresses times ports), and the pipeline's tables have room for 32768",
            port with { Frontends = [.. Enumerable.Repeat(port.Frontends[0], 32769)] });
        Refused("ports: it has 262145 backends across all its ports, and the pipeline's tables have room for 262144",
            port with { Backends = [.. Enumerable.Repeat(TestService.Remote(1), 262145)] });
        Refused("ports[0].frontends[0].source_ranges: it has 16385 ranges, and the pipeline's table has room for 16384",
            port with
            {
                Frontends = [
                port.Frontends[0] with { SourceRanges = [.. Enumerable.Repeat(System.Net.IPNetwork.Parse("10.0.0.0/8"), 16385)] }]
            });
    }

    private static void Refused(string expected, ServicePortSpec port) =>
        Assert.Equal(expected,
            Assert.Throws<IntentException>(() => ServiceRules.Check(TestService.Of(1) with { Ports = [port] }, TestNode.Settings)).Message);
}
