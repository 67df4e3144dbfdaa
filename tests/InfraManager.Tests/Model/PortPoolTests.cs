using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Model;

/// <summary>Ports that are created before the pipeline and lent to attachments of kind tap.</summary>
public class PortPoolTests
{
    private static readonly string[] Names = ["TAP0", "TAP1", "TAP2", "TAP3"];
    private static readonly NodeSettings Node = TestNode.Settings with { Devices = new DeviceRules { Pool = Names, Ports = ["nothing"] } };

    private readonly NetworkModel _model = new();
    private readonly EndpointAdmission _judge;
    private readonly AdmissionContext _context = new();

    public PortPoolTests()
    {
        _judge = new EndpointAdmission(_model, Node);
        _judge.Begin(TestNode.Begin);
    }

    [Fact]
    public void Each_attachment_gets_its_own_port_until_all_are_lent()
    {
        string[] lent = [.. Enumerable.Range(1, 4).Select(n => Attach(Tap(n, (ulong)n)).Spec.PortName)];
        Assert.Equal(Names, lent.Order());
        Assert.Equal(IntentError.ResourceExhausted, Assert.Throws<IntentException>(() => Attach(Tap(5, 5))).Code);

        Assert.True(_judge.Detach(TestNode.Detach(Tap(2), 6)));
        Assert.Equal(lent[1], Attach(Tap(5, 7)).Spec.PortName);
    }

    [Fact]
    public void A_repeat_gets_the_same_port_with_or_without_its_name()
    {
        var lent = Attach(Tap(1, 1)).Spec.PortName;
        Assert.Equal(lent, Attach(Tap(1, 2)).Spec.PortName);
        Assert.Equal(lent, Attach(Tap(1, 3) with { PortName = lent }).Spec.PortName);
        Assert.Equal(lent, Attach(Tap(1, 4, mac: 9)).Spec.PortName);
        Assert.Single(_model.Endpoints.Values);
    }

    [Fact]
    public void The_least_recently_returned_port_is_lent_first()
    {
        var seen = new List<string>();
        for (ulong n = 1; n <= 8; n++)
        {
            seen.Add(Attach(Tap(1, 2 * n)).Spec.PortName);
            _judge.Detach(TestNode.Detach(Tap(1), (2 * n) + 1));
        }

        Assert.Equal([.. Names, .. Names], seen);
    }

    [Fact]
    public void A_request_that_is_admitted_again_after_an_undo_gets_the_same_port()
    {
        _model.Forget();
        _judge.Pool.Forget();
        var first = Attach(Tap(1, 1)).Spec.PortName;
        _model.Undo();
        _judge.Pool.Undo();
        Assert.Equal(first, Attach(Tap(1, 1)).Spec.PortName);
    }

    [Fact]
    public void A_port_of_the_pool_is_never_removed()
    {
        Attach(Tap(1, 1));
        _judge.Detach(TestNode.Detach(Tap(1), 2));
        Assert.Empty(_model.PortRemovals.Keys);
    }

    [Fact]
    public void A_port_name_outside_the_pool_is_refused()
    {
        var refused = Assert.Throws<IntentException>(() => Attach(Tap(1, 1) with { PortName = "TAP4" }));
        Assert.Equal((IntentError.InvalidArgument, "device.port_name"), (refused.Code, refused.Field));
        // Devices:Ports restricts only the names that the host chooses, not the pool's.
        Assert.Equal(IntentError.PermissionDenied, Assert.Throws<IntentException>(() => Attach(TestNode.Pod(1, 1))).Code);
    }

    [Fact]
    public void A_sync_keeps_the_named_ports_and_lends_ports_to_the_other_items()
    {
        var rules = new DeviceRules { Pool = Names };
        var judge = new EndpointAdmission(_model, TestNode.Settings with { Devices = rules });
        // The item that names its port comes after one that could be lent the same port.
        var outcome = judge.Sync(TestNode.Sync(9, Tap(1, 1), Tap(2, 2) with { PortName = "TAP0" }, Tap(3, 3)), _context);
        Assert.Equal((3, 0), (outcome.Added, outcome.Failures.Count));
        Assert.Equal("TAP0", Held(2));
        Assert.Equal(["TAP0", "TAP1", "TAP2"], new[] { Held(1), Held(2), Held(3) }.Order());

        outcome = judge.Sync(TestNode.Sync(10, Tap(1, 1), Tap(2, 2) with { PortName = "TAP0" }, Tap(3, 3), Tap(4, 4), Tap(5, 5)), _context);
        Assert.Equal((3, 1), (outcome.Kept, outcome.Added));
        Assert.Equal(IntentError.ResourceExhausted, Assert.Single(outcome.Failures).Error.Code);
    }

    private static EndpointSpec Tap(int number, ulong sequence = 0, int? mac = null) =>
        TestNode.Pod(number, sequence, mac: mac) with { Device = DeviceKind.Tap };

    private Endpoint Attach(EndpointSpec spec)
    {
        new AttachIntent(spec).Validate(Node);
        return _judge.Attach(spec, _context);
    }

    private string Held(int number) => _model.Endpoints.Find(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(number)))!.Spec.PortName;
}
