using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos;
using Message = ACCOffload.Protos.V1.HostServices;

namespace ACCOffload.HostStub.Acc;

/// <summary>Which of the host's own traffic belongs in the pipeline because of services, as the ACC reports it. Immutable.</summary>
/// <param name="Ranges">The service ranges.</param>
/// <param name="NodeAddresses">The node's addresses.</param>
/// <param name="Ports">The ports that belong to services, at one address; without an address, at every address of the node.</param>
/// <param name="IsIncomplete">There is more than the ACC reports.</param>
internal sealed record HostServices(
    IReadOnlyList<IPNetwork> Ranges,
    IReadOnlyList<IPAddress> NodeAddresses,
    IReadOnlyList<(IPAddress? Address, byte Protocol, RulePorts Ports)> Ports,
    bool IsIncomplete)
{
    /// <summary>
    /// Adds the host ports of this node's pods, which the ACC reports a few seconds after it has attached them. It serves them at the
    /// node's addresses only.
    /// </summary>
    public HostServices With(IEnumerable<HostPort> hostPorts)
    {
        var added = hostPorts.Where(p => !p.HasOneAddress || NodeAddresses.Contains(p.Address))
            .Select(p => (Address: (IPAddress?)null, Protocol: (byte)p.Protocol, Ports: new RulePorts(p.Port, p.Port)))
            .Where(p => !Ports.Any(known => known.Address is null && known.Protocol == p.Protocol
                && known.Ports.First <= p.Ports.First && known.Ports.Last >= p.Ports.Last))
            .Distinct().ToList();
        var room = Math.Max(ProtocolLimits.MaxServicePorts - Ports.Count, 0);
        return added.Count == 0 ? this : this with
        {
            Ports = [.. Ports, .. added.Take(room)],
            IsIncomplete = IsIncomplete || added.Count > room,
        };
    }

    /// <summary>Reads the ACC's report; null for a report that is not valid.</summary>
    /// <param name="message">The report.</param>
    /// <param name="problem">The invalid field; empty if there is none.</param>
    public static HostServices? Of(Message message, out string problem)
    {
        problem = "";
        if (message.Ranges.Count > ProtocolLimits.MaxServiceRanges || message.Ports.Count > ProtocolLimits.MaxServicePorts
            || message.NodeAddresses.Count > ProtocolLimits.MaxServicePorts)
        {
            problem = "host_services has too many items";
            return null;
        }

        var ranges = new List<IPNetwork>(message.Ranges.Count);
        foreach (var item in message.Ranges)
        {
            if (item.Address.Length is not (4 or 16) || item.Length == 0 || item.Length > 8 * item.Address.Length)
            {
                problem = $"host_services.ranges[{ranges.Count}] is not a prefix";
                return null;
            }

            ranges.Add(IpText.NetworkOf(new IPAddress(item.Address.Span), (int)item.Length));
        }

        if (message.NodeAddresses.Any(a => a.Length is not (4 or 16)))
        {
            problem = "host_services.node_addresses has an item that is not an address";
            return null;
        }

        if (message.Ports.Any(p => p.Address.Length is not (0 or 4 or 16) || p.Protocol is 0 or > 255 || p.First == 0 || p.Last > 65535
            || p.First > p.Last))
        {
            problem = "host_services.ports has an item that is not a range of ports";
            return null;
        }

        return new HostServices(
            ranges,
            [.. message.NodeAddresses.Select(a => new IPAddress(a.Span))],
            [.. message.Ports.Select(p => (
                p.Address.IsEmpty ? null : new IPAddress(p.Address.Span),
                (byte)p.Protocol,
                new RulePorts((ushort)p.First, (ushort)p.Last)))],
            message.Incomplete);
    }
}
