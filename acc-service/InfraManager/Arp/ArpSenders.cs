using System.Net.Sockets;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Arp;

/// <summary>Who may ask: the endpoints' IPv4 and MAC addresses.</summary>
internal sealed class ArpSenders(NodeSettings node, Func<IReadOnlyDictionary<long, Programming.EndpointView>> endpoints)
{
    private IReadOnlyDictionary<long, Programming.EndpointView>? _seen;

    /// <summary>MAC addresses by IPv4 address, in host byte order. Made anew only when an endpoint changed.</summary>
    public Dictionary<uint, ulong> Macs { get; private set; } = [];

    /// <summary>Whether there is such a MAC address is asked for probes only, of which there are few.</summary>
    public void Refresh()
    {
        var now = endpoints();
        if (ReferenceEquals(now, _seen))
        {
            return;
        }

        _seen = now;
        var macs = new Dictionary<uint, ulong>();
        foreach (var spec in now.Values.Select(v => v.Endpoint.Spec))
        {
            foreach (var address in node.AddressesOf(spec).Where(a => a.AddressFamily == AddressFamily.InterNetwork))
            {
                macs[Ipv4.Value(address)] = spec.Mac.Value;
            }
        }

        Macs = macs;
    }
}
