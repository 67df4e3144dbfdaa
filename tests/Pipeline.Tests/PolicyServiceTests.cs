using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Through a service, policy judges the client's own address and the real backend.</summary>
public sealed class PolicyServiceTests : IDisposable
{
    private const byte Pool = 1;
    private const ushort NodePort = 30080;
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly Policy _policy;
    private readonly uint _client;
    private readonly uint _server;

    public PolicyServiceTests()
    {
        _policy = new Policy(_node);
        (_client, _server) = (_node.AddPod(1), _node.AddPod(2));
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    private void AssertDenied(DropReason reason, uint port, Frame frame)
    {
        var before = _node.Drops(reason);
        Assert.Null(_node.Send(port, frame));
        Assert.Equal(before + 1, _node.Drops(reason));
    }

    private Service Start(byte protocol, uint backend, byte pool = 0, byte affinity = 0)
        => new Service(_node, protocol) { Pool = pool, Affinity = affinity, MaxAge = 60_000 }.Backend(1, backend).Fill(1)
            .Frontend(Service.Address, 80).Frontend(Node.Address, NodePort, outside: true);

    [Theory]
    [InlineData(Frame.Tcp, 0)]
    [InlineData(Frame.Udp, 0)]
    [InlineData(Frame.Tcp, Pool)]
    [InlineData(Frame.Udp, Pool)]
    public void A_backends_set_judges_every_packet_of_a_flow(byte protocol, byte pool)
    {
        var service = Start(protocol, _server, pool);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        _policy.AllowIngress(Policy.Denies, _client, protocol, 8080);
        var answer = Policy.Answer(_node.Pass(1, service.To(_client, 5000), 2));
        _node.Pass(2, answer, 1);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack), 2);
        _policy.RemoveIngress(Policy.Denies, _client, protocol, 8080);
        AssertDenied(DropReason.PolicyIngress, 1, service.To(_client, 5000, Frame.Ack));
        AssertDenied(DropReason.PolicyIngress, 2, answer);
    }

    [Fact]
    public void A_packet_with_its_services_address_as_source_is_judged()
    {
        var service = Start(Frame.Udp, _server);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        AssertDenied(DropReason.PolicyIngress, Node.HostPort, service.To(Service.Address, 5000));
    }

    [Theory]
    [InlineData(Frame.Tcp, 0)]
    [InlineData(Frame.Udp, 0)]
    [InlineData(Frame.Tcp, Pool)]
    [InlineData(Frame.Udp, Pool)]
    public void A_clients_set_names_the_backend_and_its_port(byte protocol, byte pool)
    {
        var service = Start(protocol, _server, pool);
        _node.Bind(1, Policy.Denies, Policy.Denies);
        _policy.AllowEgress(Policy.Denies, Service.Address, protocol, 80);
        AssertDenied(DropReason.PolicyEgress, 1, service.To(_client, 5000));
        _policy.AllowEgress(Policy.Denies, _server, protocol, 8080);
        var answer = Policy.Answer(_node.Pass(1, service.To(_client, 5000), 2));
        _node.Pass(2, answer, 1);
        _policy.RemoveEgress(Policy.Denies, _server, protocol, 8080);
        AssertDenied(DropReason.PolicyEgress, 2, answer);
        AssertDenied(DropReason.PolicyEgress, 1, service.To(_client, 5000));
    }

    [Theory]
    [InlineData(Frame.Tcp, 0)]
    [InlineData(Frame.Udp, 0)]
    [InlineData(Frame.Tcp, Pool)]
    [InlineData(Frame.Udp, Pool)]
    public void A_servers_set_names_the_client_even_if_it_is_masqueraded(byte protocol, byte pool)
    {
        var service = Start(protocol, _server, pool);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        _policy.AllowIngress(Policy.Denies, Node.Address, protocol, 8080);
        AssertDenied(DropReason.PolicyIngress, 1, service.To(_client, 5000));
        _policy.AllowIngress(Policy.Denies, _client, protocol, 8080);
        var answer = Policy.Answer(_node.Pass(1, service.To(_client, 5000), 2));
        _node.Pass(2, answer, 1);
        _policy.RemoveIngress(Policy.Denies, _client, protocol, 8080);
        AssertDenied(DropReason.PolicyIngress, 2, answer);
    }

    [Theory]
    [InlineData(Frame.Tcp, 0)]
    [InlineData(Frame.Tcp, Pool)]
    [InlineData(Frame.Udp, 0)]
    public void A_node_ports_client_is_judged_by_its_own_address(byte protocol, byte pool)
    {
        Start(protocol, _server, pool);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        var asked = Policy.First(protocol, External, Node.Address, NodePort);
        AssertDenied(DropReason.PolicyIngress, Node.UplinkPort, asked);
        _policy.AllowIngress(Policy.Denies, External, protocol, 8080);
        var answer = Policy.Answer(_node.Pass(Node.UplinkPort, asked, 2));
        Assert.Equal(External, _node.Pass(2, answer, Node.UplinkPort).Destination);
        _policy.RemoveIngress(Policy.Denies, External, protocol, 8080);
        AssertDenied(DropReason.PolicyIngress, 2, answer);
    }

    [Fact]
    public void A_pod_that_reaches_itself_through_a_service_is_judged()
    {
        var service = Start(Frame.Tcp, _client);
        _node.Bind(1, Policy.Denies, Policy.Denies);
        AssertDenied(DropReason.PolicyEgress, 1, service.To(_client, 5000));
        _policy.AllowEgress(Policy.Denies, _client, Frame.Tcp, 8080);
        AssertDenied(DropReason.PolicyIngress, 1, service.To(_client, 5000));
        _policy.AllowIngress(Policy.Denies, _client, Frame.Tcp, 8080);
        var answer = Policy.Answer(_node.Pass(1, service.To(_client, 5000), 1));
        _node.Pass(1, answer, 1);
        _policy.RemoveIngress(Policy.Denies, _client, Frame.Tcp, 8080);
        AssertDenied(DropReason.PolicyIngress, 1, answer);
    }

    [Theory]
    [InlineData(Node.Address)]
    [InlineData(Node.HostAddress)]
    public void The_node_reaches_its_own_pods_through_a_service(uint address)
    {
        var service = Start(Frame.Tcp, _server);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        var seen = _node.Pass(Node.HostPort, service.To(address, 5000), 2);
        Assert.Equal(address, _node.Pass(2, Policy.Answer(seen), Node.HostPort).Destination);
    }

    [Fact]
    public void A_service_without_backends_answers_without_a_policy()
    {
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Udp], 1, 0);
        _node.Bind(1, Policy.Denies, Policy.Denies);
        Assert.Equal(Service.Address, _node.Pass(1, Frame.Build(Frame.Udp, _client, 5000, Service.Address, 80), 1).Source);
    }

    [Fact]
    public void A_denied_client_gets_no_affinity()
    {
        var service = Start(Frame.Tcp, _server, affinity: 3);
        _node.Put("clock", "show_time", [0], 1000);
        _node.Bind(2, ingress: Policy.Denies);
        AssertDenied(DropReason.PolicyIngress, 1, service.To(_client, 5000));
        Assert.Equal((0, 0ul), (_node.Learned("affinities"), _node.Register("known_clients", 1)));
        _policy.AllowIngress(Policy.Denies, _client, Frame.Tcp, 8080);
        _node.Pass(1, service.To(_client, 5000), 2);
        Assert.Equal((1, 1ul), (_node.Learned("affinities"), _node.Register("known_clients", 1)));
    }

    [Fact]
    public void An_answer_whose_port_becomes_a_backend_still_belongs_to_its_flow()
    {
        _node.Bind(1, Policy.Denies, Policy.Denies);
        _policy.AllowEgress(Policy.Denies, _server, Frame.Tcp, 8080);
        var answer = Policy.Answer(_node.Pass(1, Policy.First(Frame.Tcp, _client, _server, 8080), 2));
        Start(Frame.Tcp, _server);
        _node.Pass(2, answer, 1);
    }
}
