using ACCOffload.Pipeline.Tests.Support;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Session affinity by client address.</summary>
public sealed class AffinityTests : IDisposable
{
    // Timeout class 3 (two minutes), plus one.
    private const byte TwoMinutes = 4;
    private readonly Node _node = new();
    private readonly Service _service;
    private ushort _port = 5000;

    public AffinityTests()
    {
        _service = new Service(_node) { Affinity = TwoMinutes };
        for (uint i = 1; i <= 8; i++)
        {
            _node.AddPod((int)i);
            _service.Backend(i, Node.PodAddress(0x1000 + (int)i));
        }
        _service.Fill(1, 2, 3, 4, 5, 6, 7, 8).Frontend(Service.Address, 80).Frontend(Service.Address, 443);
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

    [Fact]
    public void Affinity_lasts_while_new_connections_arrive_within_the_timeout()
    {
        var first = Connect(1);
        for (var i = 0; i < 10; i++)
        {
            _node.Time.Advance(TimeSpan.FromSeconds(119));
            Assert.Equal(first, Connect(1));
        }
        // After the timeout the buckets decide, and they hold other backends by now.
        _service.Fill([.. Enumerable.Repeat(first % 8 + 1, 8)]);
        Assert.Equal(first, Connect(1));
        _node.Time.Advance(TimeSpan.FromSeconds(121));
        Assert.Equal(first % 8 + 1, Connect(1));
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
            _node.Time.Advance(TimeSpan.FromSeconds(100));
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
                _node.Time.Advance(TimeSpan.FromSeconds(100));
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
