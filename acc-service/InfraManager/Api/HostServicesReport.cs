using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// Reports to the host which of its own traffic belongs to services. Built again only after a change, because the agent asks every few
/// seconds. Thread-safe.
/// </summary>
internal sealed class HostServicesReport(IProgrammer core)
{
    private static readonly ImmutableArray<ProtocolType> Protocols = [ProtocolType.Tcp, ProtocolType.Udp, Transport.Sctp];

    private Built? _built;

    public HostServices Current
    {
        get
        {
            var (services, node) = (core.Services, core.Node);
            var built = Volatile.Read(ref _built);
            if (built is null || !ReferenceEquals(built.Services, services) || !ReferenceEquals(built.Node, node))
            {
                built = new Built(services, node, Build(services, node));
                Volatile.Write(ref _built, built);
            }

            return built.Report;
        }
    }

    private static HostServices Build(IReadOnlyDictionary<ServiceKey, ServiceView> services, NodeSettings node)
    {
        var report = new HostServices();
        report.NodeAddresses.AddRange(node.NodeAddresses.Select(ToBytes));
        report.Ranges.AddRange(node.VirtualRanges.Take(ProtocolLimits.MaxServiceRanges)
            .Select(r => new Prefix { Address = ToBytes(r.BaseAddress), Length = (uint)r.PrefixLength }));
        report.Ports.AddRange(Protocols.Select(p => ToPorts(null, p, node.NodePorts.First, node.NodePorts.Last)));
        // Ports outside the virtual ranges and the node port range. For an external address, such as another node's, only the services'
        // ports are reported: other traffic to it does not belong to services.
        var ports = new HashSet<(IPAddress? Address, ProtocolType Protocol, ushort Port)>();
        foreach (var (protocol, frontend) in services.Values.SelectMany(s => s.State.Spec.Ports)
            .SelectMany(p => p.Frontends.Select(f => (p.Protocol, f))))
        {
            if (!node.NodeAddresses.Contains(frontend.Address))
            {
                if (!node.VirtualRanges.Any(r => r.Contains(frontend.Address)))
                {
                    ports.Add((frontend.Address, protocol, frontend.Port));
                }
            }
            else if (!node.NodePorts.Contains(frontend.Port))
            {
                ports.Add((null, protocol, frontend.Port));
            }
        }

        // In a stable order, so that the host does not see a change where there is none.
        var room = ProtocolLimits.MaxServicePorts - Protocols.Length;
        report.Ports.AddRange(ports.OrderBy(p => p.Address?.ToString(), StringComparer.Ordinal).ThenBy(p => p.Protocol).ThenBy(p => p.Port)
            .Take(room).Select(p => ToPorts(p.Address, p.Protocol, p.Port, p.Port)));
        var checks = services.Values.Select(s => s.State.Spec).Where(s => s.HealthCheckNodePort > 0).ToList();
        report.HealthChecks.AddRange(checks.OrderBy(s => s.Key.Namespace, StringComparer.Ordinal)
            .ThenBy(s => s.Key.Name, StringComparer.Ordinal).Take(ProtocolLimits.MaxHealthChecks).Select(s => new HealthCheck
            {
                Namespace = s.Key.Namespace,
                Name = s.Key.Name,
                Port = s.HealthCheckNodePort,
                Ready = (uint)s.ReadyHere,
            }));
        report.Incomplete = node.VirtualRanges.Count > ProtocolLimits.MaxServiceRanges || ports.Count > room
            || checks.Count > ProtocolLimits.MaxHealthChecks;
        return report;
    }

    private static ByteString ToBytes(IPAddress address) => ByteString.CopyFrom(address.GetAddressBytes());

    // ProtocolType has IANA's numbers.
    private static ServicePorts ToPorts(IPAddress? address, ProtocolType protocol, ushort first, ushort last) => new()
    {
        Address = address is null ? ByteString.Empty : ToBytes(address),
        Protocol = (uint)protocol,
        First = first,
        Last = last,
    };

    private sealed record Built(IReadOnlyDictionary<ServiceKey, ServiceView> Services, NodeSettings Node, HostServices Report);
}
