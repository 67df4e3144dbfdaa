using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>An address that stands for others.</summary>
/// <param name="Address">The address.</param>
/// <param name="Known">The number of addresses of its kind that the models or the rows name; 0 for the rest of a block.</param>
internal readonly record struct PeerSample(PolicyAddress Address, int Known);

/// <summary>
/// Addresses that stand for all others: whatever address a packet has, one of these is in the same blocks, has the same memberships and the
/// same row. So what holds for the samples holds for every address.
/// </summary>
internal sealed class PeerSamples
{
    private readonly IReadOnlyList<PolicyModel> _models;
    private readonly PolicyTargetRows? _rows;
    private readonly HashSet<PolicyNet> _blocks = [PolicyNet.AllIpv4, PolicyNet.AllIpv6];
    private readonly HashSet<PolicyAddress> _named = [];
    private readonly HashSet<PolicyAddress> _hosts = [];
    private readonly List<PeerSample> _samples = [];
    private readonly Dictionary<HostKind, int> _kinds = [];

    private PeerSamples(IReadOnlyList<PolicyModel> models, PolicyTargetRows? rows) => (_models, _rows) = (models, rows);

    /// <param name="models">One model, or two that are compared.</param>
    /// <param name="rows">The target's rows that are compared with it, if any.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public static List<PeerSample> Of(
        IReadOnlyList<PolicyModel> models, PolicyTargetRows? rows, CancellationToken cancellationToken)
    {
        var samples = new PeerSamples(models, rows);
        samples.Collect();
        samples.Sweep(isIpv4: true, cancellationToken);
        samples.Sweep(isIpv4: false, cancellationToken);
        return samples._samples;
    }

    private void Collect()
    {
        foreach (var model in _models)
        {
            AddNets(model.PodRanges);
            foreach (var nets in model.Sets.Values)
            {
                AddNets(nets);
            }

            foreach (var policy in model.Policies.Values)
            {
                foreach (var rule in policy.Ingress.Concat(policy.Egress))
                {
                    AddNets(rule.Match.Peer.Nets);
                    AddNets(rule.Match.Peer.NotNets);
                }
            }

            _hosts.UnionWith(model.Peers.Addresses);
        }

        foreach (var key in _rows?.Points.Keys ?? Enumerable.Empty<object>())
        {
            switch (key)
            {
                case PolicyNet net:
                    AddNet(net);
                    break;
                case PolicyAddress address:
                    _hosts.Add(address);
                    break;
            }
        }
    }

    private void AddNets(IReadOnlyList<PolicyNet> nets)
    {
        foreach (var net in nets)
        {
            AddNet(net);
        }
    }

    private void AddNet(PolicyNet net)
    {
        if (net.IsHost)
        {
            _named.Add(net.First);
            _hosts.Add(net.First);
        }
        else
        {
            _blocks.Add(net);
        }
    }

    /// <summary>Visits the blocks and addresses of a family in order; a block comes before what it contains.</summary>
    private void Sweep(bool isIpv4, CancellationToken cancellationToken)
    {
        var items = new List<PolicyNet>();
        foreach (var block in _blocks)
        {
            if (block.IsIpv4 == isIpv4)
            {
                items.Add(block);
            }
        }

        foreach (var host in _hosts)
        {
            if (host.IsIpv4 == isIpv4)
            {
                items.Add(PolicyNet.Host(host));
            }
        }

        if (!isIpv4)
        {
            // The numbers of IPv4 addresses are no addresses of IPv6.
            items.Add(PolicyNet.AllIpv4);
        }

        items.Sort();
        var open = new Stack<OpenBlock>();
        foreach (var item in items)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (open.TryPeek(out var top) && !top.Contains(item))
            {
                Close(open.Pop());
            }

            if (open.TryPeek(out var parent))
            {
                parent.Skip(item);
                if (item.IsHost)
                {
                    AddHost(item.First, parent.Net);
                }
            }

            if (!item.IsHost)
            {
                open.Push(new OpenBlock(item, isIpv4 || !item.IsIpv4));
            }
        }

        while (open.TryPop(out var last))
        {
            Close(last);
        }
    }

    private void Close(OpenBlock block)
    {
        if (block.FindFree() is { } free)
        {
            _samples.Add(new PeerSample(free, 0));
        }
    }

    private void AddHost(PolicyAddress address, PolicyNet block)
    {
        PeerGroup? first = null, second = null;
        _models[0].Peers.TryFind(address, out first);
        if (_models.Count > 1)
        {
            _models[1].Peers.TryFind(address, out second);
        }

        uint? row = _rows is not null && _rows.Points.TryGetValue(address, out var peerClass) ? peerClass : null;
        var kind = new HostKind(block, first, second, row, _named.Contains(address) ? address : null);
        if (_kinds.TryGetValue(kind, out var at))
        {
            _samples[at] = _samples[at] with { Known = _samples[at].Known + 1 };
        }
        else
        {
            _kinds.Add(kind, _samples.Count);
            _samples.Add(new PeerSample(address, 1));
        }
    }

    /// <summary>Addresses of one kind are alike in everything.</summary>
    private readonly record struct HostKind(PolicyNet Block, PeerGroup? First, PeerGroup? Second, uint? Row, PolicyAddress? Named);

    /// <summary>A block, and the first of its addresses that is in nothing smaller.</summary>
    private sealed class OpenBlock(PolicyNet net, bool isSampled)
    {
        private UInt128 _next = net.First.Bits;
        private bool _isFull;
        private PolicyAddress? _free;

        public PolicyNet Net => net;

        // By number, because the IPv4 addresses are a block among those of IPv6 here.
        public bool Contains(PolicyNet other) => other.First.Bits >= net.First.Bits && Last(other) <= Last(net);

        public void Skip(PolicyNet inner)
        {
            if (_free is not null || _isFull)
            {
                return;
            }

            if (inner.First.Bits > _next)
            {
                _free = new PolicyAddress(_next);
            }
            else
            {
                var last = Last(inner);
                _isFull = last >= Last(net);
                _next = _isFull ? last : last + 1;
            }
        }

        public PolicyAddress? FindFree() => !isSampled ? null : _free ?? (_isFull ? null : new PolicyAddress(_next));

        private static UInt128 Last(PolicyNet block) =>
            block.IsHost ? block.First.Bits : block.First.Bits | (UInt128.MaxValue >> block.Length);
    }
}
