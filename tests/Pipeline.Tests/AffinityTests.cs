using ACCOffload.Pipeline.Tests.Support;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Session affinity by client address.</summary>
public sealed class AffinityTests : IDisposable
{
    // 125 s, with the learner's fifth timeout of 300 s.
    private const byte FiveMinutes = 5;
    private const uint Timeout = 125;
    private const uint MaxAge = Timeout * 1050;

    private readonly Node _node = new();
    private readonly Service _service;
    private ushort _port = 5000;
    private ulong _time = 1;

    public AffinityTests()
    {
        _service = new Service(_node) { Affinity = FiveMinutes, MaxAge = MaxAge };
        for (uint i = 1; i <= 8; i++)
        {
            _node.AddPod((int)i);
            _service.Backend(i, Node.PodAddress(0x1000 + (int)i));
        }
        _service.Fill(1, 2, 3, 4, 5, 6, 7, 8).Frontend(Service.Address, 80).Frontend(Service.Address, 443);
        SetTime(_time);
    }

    public void Dispose() => _node.Dispose();

    /// <summary>The backend of a new connection of a pod.</summary>
    private uint Connect(int pod, ushort port = 80)
        => _node.Pass((uint)pod, _service.To(Node.PodAddress(pod), _port++, port: port),
            Node.UplinkPort).Destination - Node.PodAddress(0x1000);

    [Fact]
    public void A_client_keeps_its_backend_on_every_frontend_and_clients_are_spread()
    {
        var backends = Enumerable.Range(1, 8).Select(pod => Connect(pod)).ToList();
        Assert.True(backends.Distinct().Count() > 2);
        for (var i = 0; i < 50; i++)
        {
            for (var pod = 1; pod <= 8; pod++)
            {
                Assert.Equal(backends[pod - 1], Connect(pod, (ushort)(i % 2 == 0 ? 80 : 443)));
            }
        }
    }

    private void SetTime(ulong time) => _node.Put("clock", "show_time", [0], _time = time);

    /// <summary>Time passes, for the clock too.</summary>
    private void Pass(double seconds)
    {
        _node.Time.Advance(TimeSpan.FromSeconds(seconds));
        SetTime((uint)(_time + (ulong)(seconds * 1000)));
    }

    // From now on the buckets select another backend.
    private uint Refill(uint instead)
    {
        var other = (instead % 8) + 1;
        _service.Fill([.. Enumerable.Repeat(other, 8)]).Frontend(Service.Address, 80).Frontend(Service.Address, 443);
        return other;
    }

    [Fact]
    public void Affinity_lasts_while_new_connections_arrive_within_the_timeout()
    {
        var first = Connect(1);
        var second = Refill(first);
        for (var i = 0; i < 10; i++)
        {
            Pass(Timeout);
            Assert.Equal(first, Connect(1, (ushort)(i % 2 == 0 ? 80 : 443)));
        }

        // After the timeout the buckets decide, and affinity begins again in the same entry.
        Pass(Timeout * 1.05);
        Assert.Equal(second, Connect(1));
        Refill(second);
        for (var i = 0; i < 10; i++)
        {
            Pass(Timeout);
            Assert.Equal(second, Connect(1));
        }

        Assert.Equal(1, _node.Learned("affinities"));
    }

    [Fact]
    public void A_client_whose_affinity_ended_does_not_always_get_its_former_backend()
    {
        // Eight backends, thirty choices: all alike by chance once in 10^26.
        HashSet<uint> seen = [];
        for (var i = 0; i < 30; i++)
        {
            var backend = Connect(1);
            // From now on it has affinity again, for connections from every port.
            Assert.Equal(backend, Connect(1));
            Assert.Equal(backend, Connect(1, 443));
            seen.Add(backend);
            Pass(Timeout * 1.05);
        }

        Assert.InRange(seen.Count, 3, 8);
        Assert.Equal(1, _node.Learned("affinities"));
    }

    [Fact]
    public void Packets_of_a_connection_do_not_renew_affinity()
    {
        var first = Connect(1);
        var second = Refill(first);
        for (var i = 0; i < 2; i++)
        {
            // Only the clock advances: the connection's own timer is shorter.
            SetTime(_time + (Timeout * 600));
            _node.Pass(1, _service.To(Node.PodAddress(1), 5000, TestKit.Packets.Frame.Ack), Node.UplinkPort);
        }

        Assert.Equal(second, Connect(1));
    }

    [Fact]
    public void Services_have_timeouts_of_their_own()
    {
        var other = new Service(_node, set: 2) { Affinity = 6, MaxAge = 10_800_000 };
        other.Fill(1, 2, 3, 4, 5, 6, 7, 8).Frontend(Service.Address, 8080);
        var first = (Connect(1), Connect(1, 8080));
        Refill(first.Item1);
        other.Fill([.. Enumerable.Repeat((first.Item2 % 8) + 1, 8)]);
        Pass(Timeout * 2);
        Assert.NotEqual(first.Item1, Connect(1));
        Assert.Equal(first.Item2, Connect(1, 8080));
    }

    [Fact]
    public void The_clock_may_wrap_around()
    {
        SetTime(uint.MaxValue - 60_000);
        var first = Connect(1);
        var second = Refill(first);
        Pass(Timeout);
        Assert.Equal(first, Connect(1));
        Pass(Timeout * 1.05);
        Assert.Equal(second, Connect(1));
    }

    [Fact]
    public void Without_its_clock_affinity_never_ends_early()
    {
        Pass(1000);
        var first = Connect(1);
        var second = Refill(first);
        // The row is missing while it is replaced: time stands still.
        _node.Remove("clock", 0);
        Assert.Equal(first, Connect(1));
        // The control plane is down: only the entry's own timer ends it.
        _node.Time.Advance(TimeSpan.FromSeconds(299));
        Assert.Equal(first, Connect(1));
        // A clock that begins again is behind the registers.
        SetTime(1);
        Assert.Equal(first, Connect(1));
        Pass(Timeout);
        Assert.Equal(first, Connect(1));
        Pass(Timeout * 1.05);
        Assert.Equal(second, Connect(1));
    }

    [Fact]
    public void A_client_whose_slot_was_taken_over_keeps_its_backend()
    {
        var first = Connect(1);
        var second = Refill(first);
        var slot = (long)_node.Register("client_slots", 0);
        Assert.Equal((ulong)slot, _node.Register("clients", slot));
        _node.SetRegister("clients", slot, 0x80004);
        _node.SetRegister("clients", slot + 2, second);
        Assert.Equal(first, Connect(1));
        Assert.Equal((ulong)slot, _node.Register("clients", slot));
        Pass(Timeout);
        Assert.Equal(first, Connect(1));
        Pass(Timeout * 1.05);
        Assert.Equal(second, Connect(1));
    }

    [Fact]
    public void A_refused_connection_does_not_renew_affinity()
    {
        var first = Connect(1);
        var second = Refill(first);
        Pass(Timeout * 1.05);
        _service.Fill([.. Enumerable.Repeat(99u, 8)]);
        _node.Pass(1, _service.To(Node.PodAddress(1), _port++), 1);
        _service.Fill([.. Enumerable.Repeat(second, 8)]);
        Assert.Equal(second, Connect(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_client_whose_backend_is_removed_moves_once(bool drain)
    {
        var first = Connect(1);
        Leave(first, drain);
        var second = Connect(1);
        Assert.NotEqual(first, second);
        for (var i = 0; i < 30; i++)
        {
            Pass(100);
            Assert.Equal(second, Connect(1));
        }
        // The same happens each time, as long as a backend is left.
        for (var gone = second; _removed.Count < 6;)
        {
            Leave(gone, drain);
            var next = Connect(1);
            Assert.DoesNotContain(next, _removed);
            for (var i = 0; i < 30; i++)
            {
                Pass(100);
                Assert.Equal(next, Connect(1));
            }
            gone = next;
        }
    }

    private void Leave(uint backend, bool drain)
    {
        var left = Enumerable.Range(1, 8).Select(i => (uint)i).Except(_removed).Where(i => i != backend).ToArray();
        _removed.Add(backend);
        _service.Fill([.. Enumerable.Range(0, 8).Select(i => left[i % left.Length])]);
        // Draining backends keep their buckets and get a substitute.
        for (var i = 0; i < 8; i++)
        {
            if (_successors[i] == backend && !drain)
            {
                _successors[i] = left[i % left.Length];
            }

            _substitutes[i] = left.Contains(_substitutes[i]) ? _substitutes[i] : left[i % left.Length];
        }
        _service.Succeed(_successors).Substitute(_substitutes).Frontend(Service.Address, 80).Frontend(Service.Address, 443);
        if (drain)
        {
            _service.Drain(backend);
        }
        else
        {
            _service.Detach(backend);
        }
    }

    private readonly List<uint> _removed = [];
    private readonly uint[] _successors = [1, 2, 3, 4, 5, 6, 7, 8];
    private readonly uint[] _substitutes = new uint[8];
}
