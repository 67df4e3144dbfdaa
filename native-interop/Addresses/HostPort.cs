using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ACCOffload.NativeInterop.Addresses;

/// <summary>A port of the node that is forwarded to a port of a pod.</summary>
/// <param name="Protocol">TCP, UDP or SCTP.</param>
/// <param name="Port">The port at the node's addresses; not 0.</param>
/// <param name="PodPort">The port at the pod's address; not 0.</param>
/// <param name="Address">The only address of the node that has the port; 0.0.0.0 or :: for all of that family, null for all.</param>
public readonly record struct HostPort(ProtocolType Protocol, ushort Port, ushort PodPort, IPAddress? Address)
{
    /// <summary>Whether one specific address of the node has the port, rather than all of them.</summary>
    public bool HasOneAddress => Address is not null && !Address.Equals(IPAddress.Any) && !Address.Equals(IPAddress.IPv6Any);

    /// <summary>Whether the node has the port at this address of its own.</summary>
    public bool Covers(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Address is null || (HasOneAddress ? Address.Equals(address) : Address.AddressFamily == address.AddressFamily);
    }

    /// <summary>Whether both are the same port at some address, so that only one pod can have it.</summary>
    public bool Overlaps(HostPort other) => Protocol == other.Protocol && Port == other.Port
        && (Address is null || other.Address is null || Covers(other.Address) || other.Covers(Address));

    /// <summary>The form in a database; contains no comma.</summary>
    public string ToStored() =>
        string.Create(CultureInfo.InvariantCulture, $"{(int)Protocol}/{Port}/{PodPort}/{Address}");

    /// <summary>Reads the form in a database.</summary>
    /// <exception cref="FormatException">The text is not a host port.</exception>
    public static HostPort FromStored(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('/') is [var protocol, var port, var podPort, var address]
            ? new HostPort(
                (ProtocolType)int.Parse(protocol, NumberStyles.None, CultureInfo.InvariantCulture),
                ushort.Parse(port, NumberStyles.None, CultureInfo.InvariantCulture),
                ushort.Parse(podPort, NumberStyles.None, CultureInfo.InvariantCulture),
                address.Length == 0 ? null : IpText.Parse(address))
            : throw new FormatException($"\"{text}\" is not a host port");
    }

    /// <summary>The port at the node, such as <c>8080/TCP</c> or <c>192.0.2.1:8080/TCP</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(Address is null ? Port.ToString(CultureInfo.InvariantCulture) : new IPEndPoint(Address, Port))}/{Transport.NameOf(Protocol)}");
}
