using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.TestKit.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>The resolver on the real kernel, driven step by step.</summary>
public sealed class NeighborResolverTests
{
    [Fact]
    public async Task After_lost_events_all_neighbours_are_read_again()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync(limit: 8192);
        await network.RunAsync(network.Acc, "ip link set accx1 up");
        await network.RunAsync(network.Acc, "ip addr add 192.0.2.10/24 dev accx1");
        using var session = UplinkSession.Open(network.Settings.Exception!.Namespace);
        var resolver = new NeighborResolver(network.Settings, network.Sink, TimeProvider.System, NullLogger.Instance);
        await Eventually.TrueAsync(() => session.Links.GetLink("accx1")!.IsRunning, "the link is running");
        resolver.Attach(session.Links, session.Neighbors, session.Links.GetLink("accx1")!.Index);
        resolver.Step();
        Assert.Equal(1, network.Sink.Snapshots);

        // More events than the socket's receive buffer holds.
        var commands = Enumerable.Range(0, 40_000).Select(i => string.Create(CultureInfo.InvariantCulture,
            $"neigh replace 192.0.2.{20 + (i % 200)} lladdr 02:00:00:00:{i / 256 % 256:x2}:{i % 256:x2} dev accx1 nud permanent"));
        await Shell.RunAsync(network.Acc, "ip", ["-batch", "-"], string.Join('\n', commands)).Succeeded();
        await Eventually.TrueAsync(
            () =>
            {
                resolver.Step();
                var kernel = session.Links.GetNeighbors().Where(n => n.State == NeighborStates.Permanent)
                    .ToDictionary(n => n.Address, n => (string?)n.Mac!.Value.ToString());
                var reported = network.Sink.Current;
                return kernel.Count == 200 && kernel.All(k => reported.GetValueOrDefault(k.Key) == k.Value);
            },
            () => network.Sink.ToString());
    }

    [Fact]
    public async Task An_entry_that_an_administrator_sets_or_deletes_is_respected()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        await network.AddHostAsync("gw", UplinkNetwork.GatewayMac, UplinkNetwork.Gateway);
        network.Start();
        await network.ReportedAsync(UplinkNetwork.Gateway, UplinkNetwork.GatewayMac);
        await network.RunAsync(network.Acc, "ip neigh replace 192.0.2.1 lladdr 02:00:00:00:09:09 dev accx1 nud permanent");
        await network.ReportedAsync(UplinkNetwork.Gateway, "02:00:00:00:09:09");
        // Without it, the gateway is asked again.
        await network.RunAsync(network.Acc, "ip neigh del 192.0.2.1 dev accx1");
        await network.ReportedAsync(UplinkNetwork.Gateway, UplinkNetwork.GatewayMac);
        Assert.Equal(IPAddress.Parse(UplinkNetwork.Gateway), Assert.Single(network.Sink.Current).Key);
    }
}
