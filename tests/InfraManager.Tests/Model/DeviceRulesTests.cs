using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Model;

/// <summary>What the ACC's configuration allows the host to attach, and which endpoints may share a port.</summary>
public class DeviceRulesTests
{
    private readonly NetworkModel _model = new();
    private readonly AdmissionContext _context = new();

    [Fact]
    public void Children_of_one_parent_share_its_port_and_mac_until_the_last_is_detached()
    {
        var judge = NewJudge();
        var first = judge.Attach(Child(1), _context);
        var second = judge.Attach(Child(2), _context);
        Assert.Null(_model.Endpoints.ConflictOf(second));
        Assert.Equal(2, _model.Endpoints.HoldersOfPort(TestNode.PortName(1)).Count);

        Detach(judge, first, 3);
        Assert.False(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
        Assert.Equal(second.Id, _model.Endpoints.HolderOfPort(TestNode.PortName(1))!.Id);
        Detach(judge, second, 4);
        Assert.True(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
        Assert.Null(_model.Endpoints.HolderOfPort(TestNode.PortName(1)));
        Assert.Empty(_model.Endpoints.HoldersOf(first.Spec.Mac));
    }

    [Fact]
    public void Port_and_mac_shared_by_children_are_refused_to_other_endpoints()
    {
        var judge = NewJudge();
        judge.Attach(Child(1), _context);
        Assert.Equal("device.mac", Refused(IntentError.AlreadyExists, () => judge.Attach(TestNode.Pod(2, 2, mac: 1), _context)).Field);
        Assert.Equal("device.port_name",
            Refused(IntentError.AlreadyExists, () => judge.Attach(TestNode.Pod(2, 2, port: 1), _context)).Field);
        Assert.Equal("device.mac",
            Refused(IntentError.AlreadyExists, () => judge.Attach(Child(2) with { PortName = TestNode.PortName(2) }, _context)).Field);
        Assert.Equal("device.port_name",
            Refused(IntentError.AlreadyExists, () => judge.Attach(Child(2) with { Mac = TestNode.Pod(2).Mac }, _context)).Field);
        Assert.Equal("addresses[0]",
            Refused(IntentError.AlreadyExists,
                () => judge.Attach(Child(2) with { Addresses = TestNode.Pod(1).Addresses }, _context)).Field);
    }

    [Theory]
    [InlineData((int)DeviceKind.VirtualFunction)]
    [InlineData((int)DeviceKind.SubFunction)]
    public void Functions_behind_one_port_are_distinguished_by_their_macs(int kind)
    {
        var judge = NewJudge();
        EndpointSpec Function(int number, int mac) =>
            TestNode.Pod(number, (ulong)number, mac: mac, port: 1) with { Device = (DeviceKind)kind };
        judge.Attach(Function(1, 1), _context);
        var second = judge.Attach(Function(2, 2), _context);
        Assert.Null(_model.Endpoints.ConflictOf(second));
        Assert.Equal("device.mac", Refused(IntentError.AlreadyExists, () => judge.Attach(Function(3, 2), _context)).Field);
        Assert.Equal("device.port_name",
            Refused(IntentError.AlreadyExists, () => judge.Attach(TestNode.Pod(3, 3, port: 1), _context)).Field);
        Assert.Equal("device.port_name",
            Refused(IntentError.AlreadyExists, () => judge.Attach(Child(3) with { Mac = TestNode.Pod(3).Mac }, _context)).Field);
    }

    [Fact]
    public void Undo_restores_the_holders_of_a_shared_port()
    {
        var judge = NewJudge();
        var first = judge.Attach(Child(1), _context);
        judge.Attach(Child(2), _context);
        _model.Forget();
        judge.Attach(Child(3), _context);
        Detach(judge, first, 5);
        _model.Undo();
        Assert.Equal(2, _model.Endpoints.HoldersOfPort(TestNode.PortName(1)).Count);
        Assert.Contains(_model.Endpoints.HoldersOf(first.Spec.Mac), e => e.Id == first.Id);
        Assert.False(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
    }

    [Fact]
    public void Kinds_ports_and_macs_are_restricted_by_the_configuration()
    {
        var pod = TestNode.Pod(1, 1);
        Accepts(new DeviceRules
        {
            Kinds = [DeviceKind.Veth],
            Ports = [pod.PortName[..3] + "*", "x"],
            Macs = [new MacRange(pod.Mac, 48)]
        }, pod);
        Assert.Equal("device.kind", Denied(new DeviceRules { Kinds = [DeviceKind.VirtualFunction] }, pod));
        Assert.Equal("device.port_name", Denied(new DeviceRules { Ports = ["rep*", pod.PortName + "0"] }, pod));
        Assert.Equal("device.mac", Denied(new DeviceRules { Macs = [new MacRange(MacAddress.Parse("00:10:00:00:03:00"), 40)] }, pod));
        Accepts(new DeviceRules { Macs = [new MacRange(default, 0)] }, pod);
    }

    [Theory]
    [InlineData("00:10:00:00:03:14", "00:10:00:00:03:ff", 40, true)]
    [InlineData("00:10:00:00:04:14", "00:10:00:00:03:ff", 40, false)]
    [InlineData("00:10:00:00:03:14", "00:10:00:00:03:15", 47, true)]
    [InlineData("00:10:00:00:03:14", "00:10:00:00:03:16", 47, false)]
    [InlineData("fe:10:00:00:03:14", "00:00:00:00:00:00", 0, true)]
    public void A_range_is_a_prefix(string mac, string first, int length, bool inside) =>
        Assert.Equal(inside, new MacRange(MacAddress.Parse(first), length).Contains(MacAddress.Parse(mac)));

    [Fact]
    public void With_port_rule_mac_each_port_number_has_one_holder()
    {
        var judge = NewJudge(new DeviceRules { PortRule = PortRule.Mac });
        var first = TestNode.Pod(1, 1) with { Mac = MacAddress.Parse("00:0a:00:00:03:14"), Device = DeviceKind.SubFunction };
        judge.Attach(first, _context);
        Assert.Equal((10u, 26u), (VportNumbers.VsiOf(first.Mac), VportNumbers.PortOf(first.Mac)));
        var refusal = Refused(
            IntentError.AlreadyExists,
            () => judge.Attach(TestNode.Pod(2, 2) with
            {
                Mac = MacAddress.Parse("02:0a:00:00:04:15"),
                Device = DeviceKind.SubFunction
            }, _context));
        Assert.Contains("port 26", refusal.Message, StringComparison.Ordinal);
        judge.Attach(TestNode.Pod(3, 3) with { Mac = MacAddress.Parse("00:0b:00:00:03:14"), Device = DeviceKind.SubFunction }, _context);
    }

    private static EndpointSpec Child(int number) =>
        TestNode.Pod(number, (ulong)number) with { Device = DeviceKind.Ipvlan, PortName = TestNode.PortName(1), Mac = TestNode.Pod(1).Mac };

    private static void Detach(EndpointAdmission judge, Endpoint endpoint, ulong sequence) =>
        Assert.True(judge.Detach(new DetachIntent(endpoint.Spec.Node, endpoint.Spec.Origin, endpoint.Key, 1, sequence)));

    private static IntentException Refused(IntentError code, Action action)
    {
        var e = Assert.Throws<IntentException>(action);
        Assert.Equal(code, e.Code);
        return e;
    }

    private static string? Denied(DeviceRules rules, EndpointSpec spec) =>
        Refused(IntentError.PermissionDenied, () => EndpointRules.Check(spec, TestNode.Settings with { Devices = rules })).Field;

    private static void Accepts(DeviceRules rules, EndpointSpec spec) =>
        EndpointRules.Check(spec, TestNode.Settings with { Devices = rules });

    private EndpointAdmission NewJudge(DeviceRules? rules = null)
    {
        var judge = new EndpointAdmission(_model, TestNode.Settings with { Devices = rules ?? DeviceRules.None });
        if (_model.Agents.Of("node-1").Epoch == 0)
        {
            judge.Begin(TestNode.Begin);
        }

        _model.Forget();
        return judge;
    }
}
