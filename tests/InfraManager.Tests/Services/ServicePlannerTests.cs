using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Services;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Services;

public sealed class ServicePlannerTests
{
    private static readonly ServiceKey Key = new("default", "web");
    private readonly Dictionary<IPAddress, long> _pods = [];
    private readonly ServicePlanner _planner;
    private uint _lastId;
    private long _now = 1_700_000_000;

    public ServicePlannerTests() =>
        _planner = new ServicePlanner("node-1", () => ++_lastId, a => _pods.GetValueOrDefault(a), _ => 0, _ => 0) { Now = () => _now };

    [Fact]
    public void IDs_and_buckets_are_kept_and_only_new_objects_get_new_ones()
    {
        var one = _planner.Next(null, Spec(Pod(1), Pod(2), Pod(3)))!;
        var two = _planner.Next(one, Spec(Pod(1), Pod(3), Pod(4)))!;
        var before = one.Ports[0];
        var after = two.Ports[0];
        Assert.Equal(before.Frontends, after.Frontends);
        Assert.Equal(before.Cluster.Id, after.Cluster.Id);
        Assert.Equal(IdOf(one, 1), IdOf(two, 1));
        Assert.Equal(IdOf(one, 3), IdOf(two, 3));
        Assert.True(IdOf(two, 4) > before.Backends.Max(b => b.Id));
        Assert.Single(before.Cluster.Buckets.Zip(after.Cluster.Buckets), p => p.First != p.Second);
        Assert.Equal(SetState.None, after.Local);
        // Planning the same specification again changes nothing.
        Assert.Equal(two, _planner.Next(two, two.Spec));
    }

    [Fact]
    public void A_draining_backend_keeps_its_ID_until_it_is_removed()
    {
        var one = _planner.Next(null, Spec(Pod(1), Pod(2)))!;
        var ending = _planner.Next(one, Spec(Pod(1), Pod(2, ready: false)))!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining"], Show(ending));
        Assert.Equal(IdOf(one, 2), IdOf(ending, 2));
        Assert.Equal([IdOf(one, 1)], ending.Ports[0].Cluster.Buckets);
        // When it returns, it is a new backend for new flows: flows that moved away are not pulled back.
        var back = _planner.Next(ending, one.Spec)!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining", "10.244.1.2:8080"], Show(back));
        Assert.Equal(IdOf(one, 2), back.Ports[0].Backends[1].Id);
        Assert.True(back.Ports[0].Backends[2].Id > IdOf(one, 2));
        Assert.Contains(back.Ports[0].Backends[2].Id, back.Ports[0].Cluster.Buckets);
        Assert.Equal(["10.244.1.1:8080"], Show(_planner.Next(back, Spec(Pod(1)))!));
        // Repeated readiness changes leave at most eight incarnations of a backend.
        for (var i = 0; i < 50; i++)
        {
            back = _planner.Next(_planner.Next(back, ending.Spec), one.Spec)!;
        }

        Assert.Equal(9, back.Ports[0].Backends.Count);
        Assert.Equal("10.244.1.2:8080", Show(back)[^1]);
    }

    [Fact]
    public void A_local_pod_drains_until_it_is_detached_and_a_remote_one_without_a_UID_is_dropped_with_its_slice_entry()
    {
        _pods[Address(1)] = 1;
        _pods[Address(2)] = 2;
        _pods.Remove(Address(2));
        var one = _planner.Next(null, Spec(Pod(1), Pod(2, BackendPlace.Remote), Pod(3)))!;
        var two = _planner.Next(one, Spec(Pod(3)))!;
        Assert.Equal(["10.244.1.1:8080 draining", "10.244.1.3:8080"], Show(two));
        _pods.Clear();
        Assert.Equal(["10.244.1.3:8080"], Show(_planner.Next(two, Spec(Pod(3)))!));
    }

    [Fact]
    public void A_remote_pod_removed_from_its_EndpointSlice_drains_for_at_most_the_maximum_drain_time()
    {
        var one = _planner.Next(null, Spec(Named(1), Named(2), Named(3)))!;
        var left = _planner.Next(one, Spec(Named(1)))!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining", "10.244.1.3:8080 draining"], Show(left));
        Assert.Equal([IdOf(one, 1)], left.Ports[0].Cluster.Buckets);
        Assert.Equal((_now, 2UL), (left.Ports[0].Backends[1].Since, left.Ports[0].Backends[1].Uid));
        Assert.Equal(IdOf(one, 2), left.Ports[0].Backends[1].Id);
        // It keeps draining until its drain time has elapsed, whatever else changes.
        _now += ServicePlanner.MaxDrainSeconds - 1;
        var later = _planner.Next(left, Spec(Named(1), Named(4)))!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining", "10.244.1.3:8080 draining", "10.244.1.4:8080"], Show(later));
        _now++;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.4:8080"], Show(_planner.Next(later, later.Spec)!));
        // The same applies if its port or the whole service is gone.
        Assert.Equal(["10.244.1.1:8080 draining", "10.244.1.2:8080 draining", "10.244.1.3:8080 draining"], Show(_planner.Next(one, null)!));
        Assert.Equal(["10.244.1.1:8080 draining", "10.244.1.2:8080 draining", "10.244.1.3:8080 draining"],
            Show(_planner.Next(one, one.Spec with { Ports = [one.Spec.Ports[0] with { Port = 81, Backends = [] }] })!));
    }

    [Fact]
    public void A_terminated_remote_pod_and_UDP_backends_do_not_drain()
    {
        var ending = _planner.Next(_planner.Next(null, Spec(Named(1), Named(2)))!,
            Spec(Named(1), Named(2) with { Ready = false, InCluster = false, Terminating = true }))!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining"], Show(ending));
        Assert.Equal(["10.244.1.1:8080"], Show(_planner.Next(ending, Spec(Named(1)))!));
        // UDP flows do not stay on a backend that gets no new flows.
        ServiceSpec Udp(params Backend[] backends) =>
            Spec(backends) with { Ports = [Spec(backends).Ports[0] with { Protocol = ProtocolType.Udp }] };
        Assert.Equal(["10.244.1.1:8080"], Show(_planner.Next(_planner.Next(null, Udp(Named(1), Named(2)))!, Udp(Named(1)))!));
        // A pod on this node now has the address, so the remote backend is dropped.
        var left = _planner.Next(_planner.Next(null, Spec(Named(1), Named(2)))!, Spec(Named(1)))!;
        _pods[Address(2)] = 7;
        Assert.Equal(["10.244.1.1:8080"], Show(_planner.Next(left, left.Spec)!));
    }

    [Fact]
    public void A_new_pod_with_the_address_of_a_draining_one_gets_none_of_its_flows()
    {
        var left = _planner.Next(_planner.Next(null, Spec(Named(1), Named(2)))!, Spec(Named(1)))!;
        // The same pod is back: it serves new flows and keeps its old ones.
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080 draining", "10.244.1.2:8080"],
            Show(_planner.Next(left, Spec(Named(1), Named(2)))!));
        var replaced = _planner.Next(left, Spec(Named(1), Named(2) with { Uid = 99 }))!;
        Assert.Equal(["10.244.1.1:8080", "10.244.1.2:8080"], Show(replaced));
        Assert.True(IdOf(replaced, 2) > left.Ports[0].Backends.Max(b => b.Id));
        Assert.Equal(["10.244.1.1:8080"],
            Show(_planner.Next(left, Spec(Named(1), Named(2) with { Uid = 99, Ready = false, InCluster = false }))!));
    }

    [Fact]
    public void A_clock_that_was_ahead_does_not_extend_draining()
    {
        var one = _planner.Next(null, Spec(Named(1), Named(2)))!;
        _now += 1_000_000_000;
        var left = _planner.Next(one, Spec(Named(1)))!;
        _now -= 1_000_000_000;
        var known = _planner.Next(left, left.Spec)!;
        Assert.Equal(_now, known.Ports[0].Backends[1].Since);
    }

    [Fact]
    public void A_removed_service_is_kept_until_its_last_backend_has_drained()
    {
        _pods[Address(1)] = 1;
        var one = _planner.Next(null, Spec(Pod(1), Pod(2)))!;
        var rest = _planner.Next(one, null)!;
        Assert.Equal(["10.244.1.1:8080 draining"], Show(rest));
        // Replies are still translated back, and no new flows are accepted.
        Assert.Equal(one.Ports[0].Frontends[0] with { Retired = true }, rest.Ports[0].Frontends.Single());
        Assert.Empty(rest.Ports[0].Cluster.Buckets);
        _pods.Clear();
        Assert.Null(_planner.Next(rest, null));
        Assert.Null(_planner.Next(null, null));
    }

    [Fact]
    public void A_backend_that_was_never_eligible_does_not_drain() =>
        Assert.Equal(["10.244.1.1:8080"], Show(_planner.Next(null, Spec(Pod(1), Pod(2, ready: false)))!));

    [Fact]
    public void An_ID_is_never_assigned_to_two_objects() =>
        Gen.Select(Gen.Int[1, 8], Gen.Bool, Gen.Bool).Array[0, 8].Array[1, 12].Sample(history =>
        {
            uint last = 0;
            var planner = new ServicePlanner("n", () => ++last, a => a.GetAddressBytes()[3] % 2 == 0 ? 7 : 0, _ => 0, _ => 0);
            var owners = new Dictionary<uint, string>();
            ServiceState? state = null;
            foreach (var pods in history)
            {
                state = planner.Next(state,
                    Spec([.. pods.DistinctBy(p => p.Item1).OrderBy(p => p.Item1)
                        .Select(p => Pod(p.Item1, p.Item2 ? BackendPlace.Local : BackendPlace.Remote, p.Item3))]));
                foreach (var port in state!.Ports)
                {
                    foreach (var b in port.Backends)
                    {
                        Assert.Equal(b.Key.ToString(), owners.TryAdd(b.Id, b.Key.ToString()) ? b.Key.ToString() : owners[b.Id]);
                    }

                    foreach (var id in port.Cluster.Buckets)
                    {
                        Assert.False(port.Backends.Single(b => b.Id == id).Draining);
                    }

                    Assert.Equal(port.Backends.Where(b => !b.Draining).Select(b => b.Id).Order(), port.Cluster.Buckets.Order());
                    Assert.Equal(port.Backends.Count(b => !b.Draining),
                        port.Backends.Where(b => !b.Draining).Select(b => b.Key).Distinct().Count());
                    Assert.Equal(port.Backends.Count, port.Backends.Select(b => b.Id).Distinct().Count());
                }
            }
        });

    [Fact]
    public void Nodes_choose_different_backends_if_there_are_more_backends_than_buckets()
    {
        Backend[] many = [.. Enumerable.Range(1, 2000).Select(i => Pod(i))];
        uint id = 0;
        HashSet<BackendKey> Chosen(string node)
        {
            var state = new ServicePlanner(node, () => ++id, _ => 0, _ => 0, _ => 0).Next(null, Spec(many))!;
            Assert.Equal(1023, state.Ports[0].Cluster.Buckets.Distinct().Count());
            return [.. state.Ports[0].Backends.Where(b => state.Ports[0].Cluster.Buckets.Contains(b.Id)).Select(b => b.Key)];
        }

        var all = Enumerable.Range(1, 20).SelectMany(n => Chosen($"node-{n}")).Distinct().Count();
        Assert.True(all > 1900, $"{all} of 2000 backends are used by 20 nodes");
        Assert.Equal(Chosen("node-1"), Chosen("node-1"));
    }

    private static IPAddress Address(int number) => new([10, 244, (byte)(1 + (number >> 8)), (byte)number]);

    private static Backend Pod(int number, BackendPlace place = BackendPlace.Local, bool ready = true) =>
        new(Address(number), 8080, place, ready, ready, !ready, ready, false);

    private static Backend Named(int number) => Pod(number, BackendPlace.Remote) with { Uid = (ulong)number };

    private static ServiceSpec Spec(params Backend[] backends) => new(Key,
    [
        new ServicePortSpec("", ProtocolType.Tcp, 80, 0,
            [new Frontend(IPAddress.Parse("10.96.0.10"), 80, FrontendKind.ClusterIP, FlowTarget.Cluster, FlowTarget.Cluster,
                false, true, [])],
            [.. backends]),
    ]);

    private static uint IdOf(ServiceState state, int pod) => state.Ports[0].Backends.Single(b => b.Key.Address.Equals(Address(pod))).Id;

    private static string[] Show(ServiceState state) =>
        [.. state.Ports.SelectMany(p => p.Backends).Select(b => $"{b.Key}{(b.Draining ? " draining" : "")}")];
}
