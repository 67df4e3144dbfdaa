using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>The host's own interface into the pipeline: made at the start, and made whole again whenever something of it is missing.</summary>
internal sealed partial class HostInterface(AgentServices services, Remover remover)
{
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);
    private readonly HostInterfaceConfig _config = services.Config.HostInterface;
    private IPAddress _gateway = PodRoutes.DefaultGateway;
    private string _lastFailure = "";

    /// <summary>One line; empty while it stands.</summary>
    public string Failure => Volatile.Read(ref _lastFailure);

    /// <summary>Looks and repairs; a failure is logged once and tried again the next time.</summary>
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
                await EnsureOneAsync(AttachmentKey.ForHost(_config.Name));
            }

            Volatile.Write(ref _lastFailure, "");
        }
        catch (Exception e)
        {
            var reason = e is CniException cni ? cni.OneLine : e.Message;
            if (reason != Interlocked.Exchange(ref _lastFailure, reason))
            {
                LogFailed(_config.Name, reason);
            }
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
        // A veth goes by its far end; nothing else knows where the link of another kind is.
        if (claim.DeviceKind != services.Veth.Kind)
        {
            await services.OnDevicesAsync(() => DeleteLink(claim));
        }

        await remover.RemoveAsync(claim.Key, claim, ipam: null);
    }

    private static bool DeleteLink(Claim claim)
    {
        using var host = PodNetwork.OpenHost(claim.Key.InterfaceName);
        return host.Find() is { } link && link.Mac == claim.Mac && host.Links.DeleteLink(link.Index);
    }

    private async Task EnsureOneAsync(AttachmentKey key)
    {
        using var holder = await services.Locks.AcquireAsync(key, LockLimit) ?? throw new TimeoutException($"{key} is busy");
        var addresses = _config.Addresses.Select(a => a.Address).ToArray();
        var claim = services.Claims.Get(key);
        if (claim is not null && (claim.State != ClaimState.Attached || claim.DeviceKind != _config.DeviceKind || !claim.Addresses.SequenceEqual(addresses) || claim.Mtu != services.Config.Mtu))
        {
            // Another address is another endpoint.
            await RemoveAsync(claim);
            claim = null;
        }
        var fresh = claim is null;
        if (claim is null)
        {
            claim = Plan(key, addresses);
            await services.Claims.PutAsync(claim);
        }
        // A TAP is there only after the ACC was told.
        var isVeth = claim.DeviceKind == services.Veth.Kind;
        var missing = isVeth ? await EnsureVethAsync(claim) : !await services.OnDevicesAsync(() => RepairIfThere(claim));
        if (!isVeth && missing && !fresh && !services.Acc.State.Synced)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"{_config.Name} is made when the ACC has given it a port", services.Acc.State.Reason);
        }
        // With a newer stamp than that of whoever changed it on the ACC.
        if (!fresh && !missing && !services.Acc.State.HostDiffers)
        {
            return;
        }
        // Stated by the next Sync at the latest; now, if the ACC is there.
        var (epoch, sequence) = services.Claims.NextSequence();
        claim = claim with { State = ClaimState.Attached, Epoch = epoch, Sequence = sequence, Vanished = false };
        await services.Claims.PutAsync(claim);
        if (isVeth)
        {
            LogMade(_config.Name, string.Join(", ", addresses.AsEnumerable()));
        }

        if (!services.Acc.State.Synced)
        {
            services.Acc.RequestResync();
            return;
        }
        claim = await AttachAsync(claim);
        if (!isVeth && missing)
        {
            await services.OnDevicesAsync(() => Make(claim));
            LogMade(_config.Name, string.Join(", ", addresses.AsEnumerable()));
        }
    }

    /// <returns>The claim with the port that it has now.</returns>
    private async Task<Claim> AttachAsync(Claim claim)
    {
        var (lent, reply) = await services.AttachAsync(claim);
        var gateway = PodRoutes.Gateways(reply).FirstOrDefault(g => g.AddressFamily == AddressFamily.InterNetwork) ?? PodRoutes.DefaultGateway;
        if (!gateway.Equals(_gateway))
        {
            _gateway = gateway;
            await services.OnDevicesAsync(() => RepairIfThere(lent));
        }
        return lent;
    }

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

    /// <returns>True when the device had to be made.</returns>
    private async Task<bool> EnsureVethAsync(Claim claim)
    {
        if (await services.OnDevicesAsync(() => RepairIfThere(claim)))
        {
            return false;
        }

        await services.Veth.DeleteAsync(claim.PortName);
        return await services.OnDevicesAsync(() => Make(claim));
    }

    private bool RepairIfThere(Claim claim)
    {
        using var host = PodNetwork.OpenHost(_config.Name);
        var link = host.Find();
        var isVeth = claim.DeviceKind == services.Veth.Kind;
        var isWhole = !isVeth || services.Veth.Find(claim.PortName) is not null;
        // After the database was lost ours has another address than the new claim.
        var isOurs = isVeth ? isWhole : link?.Alias == PortName.Alias(claim.Key);
        if (link is not null && link.Mac != claim.Mac && !isOurs)
        {
            throw new CniException(CniErrorCode.Internal, $"the host has an interface {_config.Name} that is not ours", $"rename it, or set HostInterface:Name in {AgentConfigReader.DefaultFile}");
        }

        if (link is null || link.Mac != claim.Mac || !isWhole)
        {
            return false;
        }

        Repair(host, link);
        return true;
    }

    private bool Make(Claim claim)
    {
        using var host = PodNetwork.OpenHost(_config.Name);
        if (host.Find() is { } half)
        {
            host.Links.DeleteLink(half.Index);
        }

        services.Pools.Find(claim.DeviceKind)!.Create(PortRequest.Of(claim), host);
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
        // Who reaches a program of the node through a service may be seen with the gateway's address, where the node would take its own for a forgery.
        var gateway = new IPNetwork(_gateway, _gateway.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
        if (!routes.Any(r => r.Destination.Equals(gateway)))
        {
            host.Links.AddRoute(new Route { Destination = gateway, InterfaceIndex = link.Index }, replace: true);
        }

        foreach (var destination in _config.Routes.Where(r => r.BaseAddress.AddressFamily == _gateway.AddressFamily))
        {
            if (!routes.Any(r => r.Destination.Equals(destination) && Equals(r.Gateway, _gateway)))
            {
                host.Links.AddRoute(new Route { Destination = destination, Gateway = _gateway, InterfaceIndex = link.Index, OnLink = true }, replace: true);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Made the host interface {Name} with {Addresses}")]
    private partial void LogMade(string name, string addresses);

    [LoggerMessage(LogLevel.Error, "The host interface {Name} is not in order, trying again: {Reason}")]
    private partial void LogFailed(string name, string reason);
}
