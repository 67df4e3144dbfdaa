using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>The host's own interface into the pipeline: created at startup, and repaired whenever part of it is missing.</summary>
internal sealed partial class HostInterface(AgentServices services, Remover remover)
{
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private readonly HostInterfaceConfig _config = services.Config.HostInterface;
    private IPAddress _gateway = PodRoutes.DefaultGateway;
    private string _problem = "";
    private string _routingProblem = "";

    /// <summary>What is wrong, in one line; empty while nothing is.</summary>
    public string Problem => Volatile.Read(ref _problem);

    /// <summary>Checks and repairs the interface. A failure is logged once and retried the next time.</summary>
    public async Task EnsureAsync()
    {
        try
        {
            foreach (var old in services.Claims.All().Where(c => c.IsHost && c.State != ClaimState.Released && !IsWanted(c)))
            {
                await RemoveAsync(old.Key);
            }

            if (_config.Enabled)
            {
                await EnsureWantedAsync(AttachmentKey.ForHost(_config.Name));
            }

            Report(_config.Enabled ? _routingProblem : "");
        }
        catch (Exception e)
        {
            Report(CniException.ReasonOf(e));
        }
    }

    private void Report(string problem)
    {
        if (problem != Interlocked.Exchange(ref _problem, problem) && problem.Length > 0)
        {
            LogFailed(_config.Name, problem);
        }
    }

    private bool IsWanted(Claim claim) => _config.Enabled && claim.Key == AttachmentKey.ForHost(_config.Name);

    private async Task RemoveAsync(AttachmentKey key)
    {
        using var holder = await services.Locks.AcquireAsync(key, LockLimit) ?? throw new TimeoutException($"{key} is busy");
        if (services.Claims.Get(key) is { } claim)
        {
            await RemoveAsync(claim);
        }
    }

    private async Task RemoveAsync(Claim claim)
    {
        await services.RunOnHostAsync(() => DeleteLink(claim));
        await remover.RemoveAsync(claim.Key, claim, ipam: null);
    }

    private static bool DeleteLink(Claim claim)
    {
        using var host = PodNetwork.OpenHost(claim.Key.InterfaceName);
        var isDeleted = host.Find() is { } link && link.Mac == claim.Mac && host.Links.DeleteLink(link.Index);
        // The routes went with the interface.
        ServiceRouting.RemoveRules(host);
        return isDeleted;
    }

    private async Task EnsureWantedAsync(AttachmentKey key)
    {
        using var holder = await services.Locks.AcquireAsync(key, LockLimit) ?? throw new TimeoutException($"{key} is busy");
        var addresses = _config.Addresses.Select(a => a.Address).ToArray();
        var claim = services.Claims.Get(key);
        if (claim is not null && !Matches(claim, addresses))
        {
            // Its configuration has changed, or it was never completed: remove it and start over.
            await RemoveAsync(claim);
            claim = null;
        }
        var isNew = claim is null;
        if (claim is null)
        {
            claim = Plan(key, addresses);
            await services.Claims.PutAsync(claim);
        }
        var kind = services.Pools.Find(claim.DeviceKind)
            ?? throw new InvalidOperationException($"the device kind {claim.DeviceKind} is not enabled");
        var isMissing = !await services.RunOnHostAsync(() => RepairExisting(kind, claim));
        var isCreated = isMissing && await services.RunOnHostAsync(() => CreateBeforeAttach(kind, claim));
        if (isMissing && !isCreated && !isNew && !services.Acc.State.Synced)
        {
            throw new CniException(
                CniErrorCode.TryAgainLater, $"{_config.Name} is created once the ACC has assigned a port", services.Acc.State.Reason);
        }

        if (isCreated)
        {
            LogCreated(_config.Name, string.Join(", ", addresses.AsEnumerable()));
        }
        else if (!isNew && !isMissing && !services.Acc.State.HostDiffers)
        {
            return;
        }
        // The sequence number must be newer than that of a client that changed the endpoint on the ACC.
        var (epoch, sequence) = services.Claims.NextSequence();
        claim = claim with { State = ClaimState.Attached, Epoch = epoch, Sequence = sequence, Vanished = false };
        await services.Claims.PutAsync(claim);
        if (!services.Acc.State.Synced)
        {
            // The next Sync states it.
            services.Acc.RequestResync();
            return;
        }
        claim = await AttachAsync(kind, claim);
        if (isMissing && !isCreated)
        {
            await services.RunOnHostAsync(() => Create(kind, claim));
            LogCreated(_config.Name, string.Join(", ", addresses.AsEnumerable()));
        }
    }

    /// <returns>The claim with its current port.</returns>
    private async Task<Claim> AttachAsync(IDeviceKind kind, Claim claim)
    {
        var (attached, reply) = await services.AttachAsync(claim);
        var gateway = PodRoutes.Gateways(reply).FirstOrDefault(g => g.AddressFamily == AddressFamily.InterNetwork)
            ?? PodRoutes.DefaultGateway;
        if (!gateway.Equals(_gateway))
        {
            _gateway = gateway;
            await services.RunOnHostAsync(() => RepairExisting(kind, attached));
        }
        return attached;
    }

    private bool Matches(Claim claim, IPAddress[] addresses) =>
        claim.State == ClaimState.Attached && claim.DeviceKind == _config.DeviceKind
        && claim.Addresses.SequenceEqual(addresses) && claim.Mtu == services.Config.Mtu;

    private Claim Plan(AttachmentKey key, IPAddress[] addresses) => new()
    {
        Key = key,
        State = ClaimState.Adding,
        DeviceKind = _config.DeviceKind,
        PortName = PortName.For(key),
        Mac = MacAddress.Random(),
        Mtu = services.Config.Mtu,
        Addresses = addresses,
        Epoch = services.Claims.Epoch,
        Created = services.Time.GetUtcNow(),
    };

    /// <returns>False when the interface has to be created.</returns>
    private bool RepairExisting(IDeviceKind kind, Claim claim)
    {
        using var host = PodNetwork.OpenHost(_config.Name);
        var link = host.Find();
        // After the loss of the database, the agent's own link has a different MAC than the new claim.
        if (link is not null && link.Mac != claim.Mac && !kind.OwnsHostLink(claim, link))
        {
            throw new CniException(
                CniErrorCode.Internal,
                $"the host has an interface {_config.Name} that is not the agent's",
                $"rename it, or set HostInterface:Name in {AgentConfigReader.DefaultFile}");
        }

        if (link is null || link.Mac != claim.Mac || !kind.HasDataPlaneEnd(claim))
        {
            return false;
        }

        Repair(host, link);
        return true;
    }

    /// <returns>False when the kind can create the device only after the ACC has the attachment.</returns>
    private bool CreateBeforeAttach(IDeviceKind kind, Claim claim)
    {
        using var host = PodNetwork.OpenHost(_config.Name);
        // The host's end of a pair whose data-plane end is gone or out of reach would keep the name in use.
        if (!kind.HasDataPlaneEnd(claim) && host.Find() is { } incomplete)
        {
            host.Links.DeleteLink(incomplete.Index);
        }

        return kind.CreateBeforeAttach(PortRequest.Of(claim), host) is not null && SetUp(host);
    }

    private bool Create(IDeviceKind kind, Claim claim)
    {
        using var host = PodNetwork.OpenHost(_config.Name);
        if (host.Find() is { } incomplete)
        {
            host.Links.DeleteLink(incomplete.Index);
        }

        kind.Create(PortRequest.Of(claim), host);
        return SetUp(host);
    }

    private bool SetUp(PodNetwork host)
    {
        var link = host.Find() ?? throw new LinuxException($"find {_config.Name}", Errno.ENODEV);
        host.Links.SetIPv6AddrGenModeNone(link.Index);
        Repair(host, link);
        return true;
    }

    private void Repair(PodNetwork host, LinkInfo link)
    {
        if (!link.IsUp)
        {
            host.Links.SetUp(link.Index);
        }

        var present = host.Links.GetAddresses(link.Index);
        foreach (var address in _config.Addresses)
        {
            if (!present.Any(p => p.Address.Equals(address.Address) && p.PrefixLength == address.PrefixLength))
            {
                host.Links.AddAddress(link.Index, address.Address, address.PrefixLength, replace: true);
            }
        }
        var routes = host.Links.GetRoutes(link.Index);
        // A client that reaches a process on the node through a service may appear with the gateway's address. Without this route, the
        // node would drop its packets as spoofed.
        var gateway = new IPNetwork(_gateway, PodNetwork.Bits(_gateway));
        if (!routes.Any(r => r.Destination.Equals(gateway)))
        {
            host.Links.AddRoute(new Route { Destination = gateway, InterfaceIndex = link.Index }, replace: true);
        }

        var source = PreferredSource(host);
        foreach (var destination in _config.Routes.Where(r => r.BaseAddress.AddressFamily == _gateway.AddressFamily))
        {
            if (!routes.Any(r => r.Destination.Equals(destination) && Equals(r.Gateway, _gateway) && IsSource(r.PreferredSource, source)))
            {
                host.Links.AddRoute(
                    new Route
                    {
                        Destination = destination,
                        Gateway = _gateway,
                        InterfaceIndex = link.Index,
                        OnLink = true,
                        PreferredSource = source,
                    },
                    replace: true);
            }
        }

        RouteServices(host, link, source);
    }

    // A failure must not keep the interface from being attached: it is reported and retried.
    private void RouteServices(PodNetwork host, LinkInfo link, IPAddress? source)
    {
        try
        {
            if (!_config.Services)
            {
                ServiceRouting.Remove(host, link);
            }
            else if (services.Acc.State.Services is { } known)
            {
                var detourSource = _config.Addresses.Select(a => a.Address).FirstOrDefault(a => a.AddressFamily == _gateway.AddressFamily);
                known = known.With(services.Claims.All().Where(c => c.State is ClaimState.Attaching or ClaimState.Attached)
                    .SelectMany(c => c.HostPorts));
                ServiceRouting.Apply(host, link, _gateway, source, detourSource, WithoutAcc(known), _config.Routes);
                if (known.IsIncomplete)
                {
                    _routingProblem =
                        $"services have more ports or ranges than the ACC reports (at most {ProtocolLimits.MaxServicePorts} ports); the "
                        + "host reaches only those that it reports";
                }
            }
            else if (services.Acc.State.Synced)
            {
                _routingProblem = "the ACC's release does not report services (HostInterface:Services); update inframanager, or add the "
                    + "service ranges to HostInterface:Routes";
            }
        }
        catch (LinuxException e)
        {
            _routingProblem = $"the host's traffic to services: {e.Message}";
        }
    }

    // A service that claims the ACC's address must not cut the agent off.
    private HostServices WithoutAcc(HostServices known)
    {
        var acc = services.Config.Acc.Address;
        var address = IpText.TryParse(acc.Host.Trim('[', ']'), out var parsed) ? parsed : null;
        return known with
        {
            Ranges = [.. known.Ranges.Where(r => address is null || !r.Contains(address))],
            Ports = [.. known.Ports.Where(p => p.Ports.First != acc.Port || p.Ports.Last != acc.Port
                || (address is not null && !address.Equals(p.Address) && !(p.Address is null && known.NodeAddresses.Contains(address))))],
        };
    }

    // The kernel refuses a source that is not local. Routes without it are better than none, and DHCP may still assign it.
    private IPAddress? PreferredSource(PodNetwork host)
    {
        _routingProblem = "";
        var candidates = _config.PreferredSource is { } configured ? [configured]
            : _config.Services ? services.Acc.State.Services?.NodeAddresses ?? []
            : [];
        var wanted = candidates.Where(a => a.AddressFamily == _gateway.AddressFamily).ToList();
        if (wanted.Count == 0)
        {
            return null;
        }

        var own = host.Links.GetAddresses().Select(a => a.Address).ToHashSet();
        var source = wanted.Find(own.Contains);
        if (source is null && _config.PreferredSource is { } missing)
        {
            _routingProblem =
                $"HostInterface:PreferredSource {missing} is not an address of this host; until it is, the routes do not use it";
        }

        return source;
    }

    // Without a preference, a source that was set by hand stays.
    private static bool IsSource(IPAddress? present, IPAddress? wanted) => wanted is null || wanted.Equals(present);

    [LoggerMessage(LogLevel.Information, "Created the host interface {Name} with {Addresses}")]
    private partial void LogCreated(string name, string addresses);

    [LoggerMessage(LogLevel.Error, "The host interface {Name} can't be brought into its configured state, trying again: {Reason}")]
    private partial void LogFailed(string name, string reason);
}
