using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Migration;

/// <summary>An endpoint of a 24.01 database with its values read.</summary>
/// <param name="Address">The address.</param>
/// <param name="Mac">The device's MAC address.</param>
/// <param name="Port">The port's number in the pipeline.</param>
/// <param name="Pointer">The number of the row that rewrites headers; 0 for none.</param>
internal sealed record ImportedEndpoint(IPAddress Address, MacAddress Mac, uint Port, uint Pointer)
{
    /// <exception cref="MigrationException">A value is invalid.</exception>
    public static ImportedEndpoint Of(EndpointRecord record) => new(
        ParseAddress("PodIpAddress", record.PodIpAddress),
        MacAddress.TryParse(record.PodMacAddress, out var mac)
            ? mac
            : throw new MigrationException($"cni_db.json: endpoint {record.PodIpAddress}: PodMacAddress = "
                + $"\"{ConfigurationError.OneLine(record.PodMacAddress)}\" is not a MAC address"),
        record.InterfaceID,
        record.ModPtr);

    /// <exception cref="MigrationException">It is not an IP address.</exception>
    public static IPAddress ParseAddress(string field, string text) => IpText.TryParse(text, out var address)
        ? address
        : throw new MigrationException($"the databases have {field} = \"{ConfigurationError.OneLine(text)}\", which is not an IP address");
}
