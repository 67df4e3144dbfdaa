using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>How the rows read back from a target judge packets, by the contract in docs/programming.md, "Policy in the pipeline".</summary>
internal sealed class TargetRowJudge
{
    private const int PortBits = 16;

    private readonly PolicyTargetRows _rows;

    // The lengths of the prefixes that have rows, the longest first.
    private readonly List<int> _lengths = [];

    public TargetRowJudge(PolicyTargetRows rows)
    {
        _rows = rows;
        var lengths = new SortedSet<int>();
        foreach (var key in rows.Points.Keys)
        {
            if (key is PolicyNet net)
            {
                lengths.Add(net.Length);
            }
        }

        _lengths.AddRange(lengths.Reverse());
    }

    /// <summary>The blocks of ports that have a row.</summary>
    public IEnumerable<(byte Protocol, PortSpan Span)> PortBlocks
    {
        get
        {
            foreach (var key in _rows.Points.Keys)
            {
                switch (key)
                {
                    case (byte protocol, ushort port):
                        yield return (protocol, new PortSpan(port, port));
                        break;
                    case (byte protocol, ushort first, int length):
                        yield return (protocol, new PortSpan(first, (ushort)(first | (ushort.MaxValue >> length))));
                        break;
                }
            }
        }
    }

    /// <summary>The class of an address; 0 without a row.</summary>
    public uint ClassOf(PolicyAddress address)
    {
        if (_rows.Points.TryGetValue(address, out var exact))
        {
            return exact;
        }

        foreach (var length in _lengths)
        {
            // A shorter prefix would be one of IPv6.
            if (address.IsIpv4 && length < PolicyAddress.MappedLength)
            {
                break;
            }

            if (_rows.Points.TryGetValue(PolicyNet.Around(address, length), out var peerClass))
            {
                return peerClass;
            }
        }

        return 0;
    }

    /// <summary>The class of a port; 0 without a row.</summary>
    public uint ClassOf(byte protocol, ushort port)
    {
        if (_rows.Points.TryGetValue((protocol, port), out var exact))
        {
            return exact;
        }

        for (var length = PortBits; length >= 0; length--)
        {
            if (_rows.Points.TryGetValue((protocol, (ushort)(port & (0xffff << (PortBits - length))), length), out var portClass))
            {
                return portClass;
            }
        }

        return 0;
    }

    /// <summary>What the rows say about a packet.</summary>
    /// <returns>The group, and the row of <c>verdicts</c>; null where the lowest bit of the group decides.</returns>
    public (uint Group, RowVerdict? Row) Judge(PolicyDirection direction, uint set, uint peerClass, uint portClass)
    {
        var group = _rows.Groups.GetValueOrDefault((direction, set, peerClass), set);
        return (group, _rows.Verdicts.TryGetValue(group, out var cells) && cells.TryGetValue(portClass, out var verdict) ? verdict : null);
    }
}
