using System.Net;
using System.Net.Sockets;
using ACCOffload.HealthChecks;
using ACCOffload.HostStub.Acc;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos;
using Google.Protobuf;
using Message = ACCOffload.Protos.V1.HostServices;
using Prefix = ACCOffload.Protos.V1.Prefix;
using ReportedCheck = ACCOffload.Protos.V1.HealthCheck;
using ServicePorts = ACCOffload.Protos.V1.ServicePorts;

namespace ACCOffload.HostStub.Tests;

public sealed class HostServicesTests
{
    [Fact]
    public void A_valid_report_is_read()
    {
        var message = new Message { Incomplete = true };
        message.Ranges.Add(ToPrefix(12, 10, 96, 0, 0));
        message.NodeAddresses.Add(ByteString.CopyFrom(192, 0, 2, 2));
        message.Ports.Add(new ServicePorts { Protocol = 132, First = 30000, Last = 32767 });
        message.HealthChecks.Add(new ReportedCheck { Namespace = "default", Name = "web", Port = 31999, Ready = 2 });
        var read = HostServices.Of(message, out var problem)!;
        Assert.Equal("", problem);
        Assert.Equal("10.96.0.0/12", Assert.Single(read.Ranges).ToString());
        Assert.Equal("192.0.2.2", Assert.Single(read.NodeAddresses).ToString());
        Assert.Equal("(, 132, 30000-32767)", Assert.Single(read.Ports).ToString());
        Assert.Equal(new HealthCheck("default", "web", 31999, 2), Assert.Single(read.HealthChecks));
        Assert.True(read.IsIncomplete);
    }

    [Fact]
    public void Ports_of_health_checks_which_the_host_answers_do_not_belong_in_the_pipeline()
    {
        var message = new Message();
        message.Ports.Add(new ServicePorts { Protocol = 6, First = 30000, Last = 32767 });
        message.Ports.Add(new ServicePorts { Protocol = 17, First = 30000, Last = 32767 });
        foreach (var port in new[] { 31999u, 30000u, 32767u, 30002u, 80u })
        {
            message.HealthChecks.Add(new ReportedCheck { Namespace = "default", Name = $"web-{port}", Port = port });
        }

        Assert.Equal(
            ["6:30001-30001", "6:30003-31998", "6:32000-32766", "17:30000-32767"],
            HostServices.Of(message, out _)!.Ports.Select(p => $"{p.Protocol}:{p.Ports.First}-{p.Ports.Last}"));
    }

    public static TheoryData<string, Action<Message>> Invalid => new()
    {
        { "ranges[0] is not a prefix", m => m.Ranges.Add(ToPrefix(0, 0, 0, 0, 0)) },
        { "ranges[0] is not a prefix", m => m.Ranges.Add(ToPrefix(33, 10, 0, 0, 0)) },
        { "ranges[0] is not a prefix", m => m.Ranges.Add(ToPrefix(8, 10)) },
        { "node_addresses", m => m.NodeAddresses.Add(ByteString.CopyFrom(1, 2, 3)) },
        { "ports", m => m.Ports.Add(new ServicePorts { Protocol = 0, First = 1, Last = 1 }) },
        { "ports", m => m.Ports.Add(new ServicePorts { Protocol = 256, First = 1, Last = 1 }) },
        {
            "ports",
            m => m.Ports.Add(new ServicePorts { Address = ByteString.CopyFrom(1, 2), Protocol = 6, First = 1, Last = 1 })
        },
        { "ports", m => m.Ports.Add(new ServicePorts { Protocol = 6, First = 2, Last = 1 }) },
        { "ports", m => m.Ports.Add(new ServicePorts { Protocol = 6, First = 1, Last = 65536 }) },
        { "health_checks", m => m.HealthChecks.Add(new ReportedCheck { Port = 0 }) },
        { "health_checks", m => m.HealthChecks.Add(new ReportedCheck { Port = 65536 }) },
        { "health_checks", m => m.HealthChecks.Add(new ReportedCheck { Port = 1, Ready = uint.MaxValue }) },
        { "health_checks", m => m.HealthChecks.Add(new ReportedCheck { Port = 1, Name = new string('x', 257) }) },
        {
            "too many items",
            m => m.HealthChecks.AddRange(
                Enumerable.Repeat(new ReportedCheck { Port = 1 }, ProtocolLimits.MaxHealthChecks + 1))
        },
        {
            "too many items",
            m => m.Ports.AddRange(
                Enumerable.Repeat(new ServicePorts { Protocol = 6, First = 1, Last = 1 }, ProtocolLimits.MaxServicePorts + 1))
        },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public void An_invalid_report_is_refused_as_a_whole_and_the_field_is_named(string field, Action<Message> change)
    {
        var message = new Message();
        message.NodeAddresses.Add(ByteString.CopyFrom(192, 0, 2, 2));
        change(message);
        Assert.Null(HostServices.Of(message, out var problem));
        Assert.Contains(field, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Host_ports_are_added_at_the_nodes_addresses_unless_they_are_reported()
    {
        var node = IPAddress.Parse("192.0.2.2");
        var services = new HostServices([], [node], [(null, 6, new RulePorts(30000, 32767)), (node, 6, new RulePorts(80, 80))], [], false);
        HostPort[] ports =
        [
            new(ProtocolType.Tcp, 30080, 80, null), new(ProtocolType.Tcp, 80, 8080, null), new(ProtocolType.Udp, 53, 5353, node),
            new(ProtocolType.Udp, 53, 5353, node), new(ProtocolType.Tcp, 81, 81, IPAddress.Loopback),
            new(ProtocolType.Tcp, 82, 82, IPAddress.Any),
        ];
        Assert.Equal(
            [.. services.Ports, (null, 6, new RulePorts(80, 80)), (null, 17, new RulePorts(53, 53)), (null, 6, new RulePorts(82, 82))],
            services.With(ports).Ports);
        Assert.False(services.With(ports).IsIncomplete);

        var many = services.With(Enumerable.Range(1000, 300).Select(p => new HostPort(ProtocolType.Tcp, (ushort)p, 80, null)));
        Assert.Equal(ProtocolLimits.MaxServicePorts, many.Ports.Count);
        Assert.True(many.IsIncomplete);
    }

    private static Prefix ToPrefix(uint length, params byte[] address) => new() { Address = ByteString.CopyFrom(address), Length = length };
}
