using System.Net;
using System.Net.Sockets;
using ACCOffload.HealthChecks;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos;
using Message = ACCOffload.Protos.V1.HostServices;

namespace ACCOffload.HostStub.Acc;

/// <summary>Which of the host's own traffic belongs in the pipeline because of services, as the ACC reports it. Immutable.</summary>
/// <param name="Ranges">The service ranges.</param>
/// <param name="NodeAddresses">The node's addresses.</param>
/// <param name="Ports">The ports that belong to services, at one address; without an address, at every address of the node.</param>
/// <param name="HealthChecks">The health checks that load balancers make at the node's addresses.</param>
/// <param name="IsIncomplete">There is more than the ACC reports.</param>
internal sealed record HostServices(
    IReadOnlyList<IPNetwork> Ranges,
    IReadOnlyList<IPAddress> NodeAddresses,
    IReadOnlyList<(IPAddress? Address, byte Protocol, RulePorts Ports)> Ports,
    IReadOnlyList<HealthCheck> HealthChecks,
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
            || message.NodeAddresses.Count > ProtocolLimits.MaxServicePorts
            || message.HealthChecks.Count > ProtocolLimits.MaxHealthChecks)
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

        if (message.HealthChecks.Any(c => c.Port is 0 or > 65535 || c.Ready > int.MaxValue
            || c.Namespace.Length > ProtocolLimits.MaxNameBytes || c.Name.Length > ProtocolLimits.MaxNameBytes))
        {
            problem = "host_services.health_checks has an item that is not a health check";
            return null;
        }

        HealthCheck[] checks =
            [.. message.HealthChecks.Select(c => new HealthCheck(c.Namespace, c.Name, (ushort)c.Port, (int)c.Ready))];
        var ports = message.Ports.Select(p => (
            Address: p.Address.IsEmpty ? null : new IPAddress(p.Address.Span),
            Protocol: (byte)p.Protocol,
            Ports: new RulePorts((ushort)p.First, (ushort)p.Last))).ToList();
        return new HostServices(
            ranges, [.. message.NodeAddresses.Select(a => new IPAddress(a.Span))], LeaveOut(ports, checks), checks, message.Incomplete);
    }

    // The host itself answers health checks, so that it must reach their ports without the pipeline. As far as there is room for the
    // ranges that remain.
    private static List<(IPAddress? Address, byte Protocol, RulePorts Ports)> LeaveOut(
        List<(IPAddress? Address, byte Protocol, RulePorts Ports)> ports, IEnumerable<HealthCheck> checks)
    {
        foreach (var port in checks.Select(c => c.Port))
        {
            var index = ports.FindIndex(p => p.Address is null && p.Protocol == (byte)ProtocolType.Tcp
                && p.Ports.First <= port && port <= p.Ports.Last);
            if (index < 0 || ports.Count >= ProtocolLimits.MaxServicePorts)
            {
                continue;
            }

            var whole = ports[index];
            ports.RemoveAt(index);
            if (whole.Ports.First < port)
            {
                ports.Insert(index++, whole with { Ports = new RulePorts(whole.Ports.First, (ushort)(port - 1)) });
            }

            if (port < whole.Ports.Last)
            {
                ports.Insert(index, whole with { Ports = new RulePorts((ushort)(port + 1), whole.Ports.Last) });
            }
        }

        return ports;
    }
}
