using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Tests.Api;

/// <summary>What the host is told about its own traffic to services. TestNode: 192.0.2.10, services in 10.96.0.0/12.</summary>
public sealed class HostServicesReportTests
{
    private readonly FakeCore _core = new() { Node = TestNode.Settings };

    [Fact]
    public void Without_services_it_has_the_configured_ranges()
    {
        Assert.Equal(
            "10.96.0.0/12; 192.0.2.10; 6:30000-32767 17:30000-32767 132:30000-32767", Text(new HostServicesReport(_core).Current));
    }

    [Fact]
    public void Ports_of_external_addresses_and_ports_outside_the_node_ports_are_added()
    {
        Add(1, ProtocolType.Tcp, "10.96.0.1:80", "198.51.100.7:80", "192.0.2.10:30080", "192.0.2.10:8080");
        Add(2, ProtocolType.Udp, "10.96.0.1:53", "198.51.100.7:53", "203.0.113.1:53", "192.0.2.10:53");
        Assert.Equal(
            "10.96.0.0/12; 192.0.2.10; 6:30000-32767 17:30000-32767 132:30000-32767 6:8080-8080 17:53-53 "
            + "198.51.100.7 6:80-80 198.51.100.7 17:53-53 203.0.113.1 17:53-53",
            Text(new HostServicesReport(_core).Current));
    }

    [Fact]
    public void It_is_built_again_only_after_a_change()
    {
        var report = new HostServicesReport(_core);
        var first = report.Current;
        Assert.Same(first, report.Current);
        _core.Node = TestNode.Settings with { NodeAddresses = [IPAddress.Parse("192.0.2.11")] };
        Assert.Contains("192.0.2.11", Text(report.Current), StringComparison.Ordinal);
    }

    [Fact]
    public void More_than_the_limit_is_reported_as_incomplete()
    {
        for (var i = 0; i <= ProtocolLimits.MaxServicePorts; i++)
        {
            Add(i, ProtocolType.Tcp, $"198.18.{i / 256}.{i % 256}:80");
        }

        var report = new HostServicesReport(_core).Current;
        Assert.True(report.Incomplete);
        Assert.Equal(ProtocolLimits.MaxServicePorts, report.Ports.Count);
    }

    [Fact]
    public void Health_checks_are_reported_with_the_ready_backends_here()
    {
        foreach (var (number, port, ready) in new[] { (2, 31999, 2), (1, 0, 0), (3, 30001, 0) })
        {
            var spec = new ServiceSpec(TestService.Key(number), []) { HealthCheckNodePort = (ushort)port, ReadyHere = ready };
            _core.StoredServices[spec.Key] = new ServiceView(new ServiceState((uint)number, spec, [], []), true);
        }

        Assert.Equal(
            [$"{TestService.Key(2)} 31999 2", $"{TestService.Key(3)} 30001 0"],
            new HostServicesReport(_core).Current.HealthChecks.Select(c => $"{c.Namespace}/{c.Name} {c.Port} {c.Ready}"));
    }

    private void Add(int number, ProtocolType protocol, params string[] frontends)
    {
        var port = TestService.Port(number, protocol, 80) with
        {
            Frontends = [.. frontends.Select(IPEndPoint.Parse)
                .Select(e => TestService.ClusterIP(number) with { Address = e.Address, Port = (ushort)e.Port })],
        };
        var spec = new ServiceSpec(TestService.Key(number), [port]);
        _core.StoredServices[spec.Key] = new ServiceView(new ServiceState((uint)number, spec, [], []), true);
    }

    private static string Text(HostServices report) => string.Join("; ",
        string.Join(' ', report.Ranges.Select(d => $"{new IPAddress(d.Address.Span)}/{d.Length}")),
        string.Join(' ', report.NodeAddresses.Select(a => new IPAddress(a.Span))),
        string.Join(' ', report.Ports.Select(p => $"{Prefix(p)}{p.Protocol}:{p.First}-{p.Last}")));

    private static string Prefix(ServicePorts ports) => ports.Address.IsEmpty ? "" : $"{new IPAddress(ports.Address.Span)} ";
}
