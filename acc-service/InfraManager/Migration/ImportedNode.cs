using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// The endpoints of a 24.01 database by what they are: that release stores the gateway, the node's address and the host's interface like
/// pods.
/// </summary>
/// <param name="Pods">The pods.</param>
/// <param name="Host">The host's interface; null if the agent never set it up.</param>
/// <param name="NodeAddress">The node's address; null if it is unknown.</param>
/// <param name="GatewayMac">The gateway's MAC address in the rows on the target; null if its row was never written.</param>
internal sealed record ImportedNode(
    IReadOnlyList<ImportedEndpoint> Pods, ImportedEndpoint? Host, IPAddress? NodeAddress, MacAddress? GatewayMac)
{
    private static readonly IPAddress Gateway = IpText.Parse("169.254.1.1");

    /// <exception cref="MigrationException">An entry is invalid, or it is not clear what it is.</exception>
    public static ImportedNode Of(ManagerDatabase database, MigrationOptions options, Remarks remarks)
    {
        var all = database.Endpoints.Select(ImportedEndpoint.Of).ToList();
        foreach (var absent in options.Skipped.Where(a => !all.Exists(e => e.Address.Equals(a))))
        {
            throw new MigrationException($"--skip {absent}: no endpoint of the database has this address");
        }

        var gateway = all.Find(e => e.Address.Equals(Gateway));
        var left = all.Where(e => !e.Address.Equals(Gateway) && !options.Skipped.Contains(e.Address)).ToList();
        if (database.Host is not { } setup)
        {
            remarks.Add("the host's interface is not in setup_db.json: it is registered when the agent starts");
            return new ImportedNode(left, null, options.NodeAddress, gateway?.Mac);
        }

        var hostAddress = ImportedEndpoint.ParseAddress("HostInterface.Ip", setup.Ip);
        var host = left.Find(e => e.Address.Equals(hostAddress))
            ?? throw new MigrationException($"the host's interface {setup.Ip} of setup_db.json is not in cni_db.json: give both files from "
                + "the same stop of 24.01's manager");
        // The node's address leads to the same interface.
        var node = left.Where(e => e.Mac.Equals(host.Mac) && !ReferenceEquals(e, host)).ToList();
        if (options.NodeAddress is null && node.Count > 1)
        {
            throw new MigrationException($"cni_db.json has several addresses of the host's interface ({host.Mac}): {host.Address}, "
                + $"{string.Join(", ", node.Select(e => e.Address))}; name the node's address with --node-address");
        }

        var address = options.NodeAddress ?? node.FirstOrDefault()?.Address;
        foreach (var other in node.Where(e => !e.Address.Equals(address)))
        {
            remarks.Add($"{other.Address} leads to the host's interface and is not the node's address: its rows are removed");
        }

        return new ImportedNode([.. left.Where(e => !e.Mac.Equals(host.Mac))], host, address, gateway?.Mac);
    }
}
