using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Addresses.</content>
public sealed partial class RouteNetlink
{
    /// <summary>Adds an address to a link.</summary>
    /// <param name="index">The link.</param>
    /// <param name="address">The address, version 4 or 6.</param>
    /// <param name="prefixLength">Network prefix in bits; 32 or 128 for the address alone.</param>
    /// <param name="replace">Change an existing address instead of failing.</param>
    /// <exception cref="NetlinkException">The address exists (EEXIST), or the link does not (ENODEV).</exception>
    public void AddAddress(int index, IPAddress address, int prefixLength, bool replace = false) =>
        AddAddress(new InterfaceAddress
        {
            InterfaceIndex = index,
            Address = address,
            PrefixLength = prefixLength,
            NoDuplicateDetection = true,
        }, replace);

    /// <summary>Adds an address to a link.</summary>
    public void AddAddress(InterfaceAddress address, bool replace = false)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"add address {address.Address}/{address.PrefixLength} to link {address.InterfaceIndex}";
        var flags = (address.NoPrefixRoute ? Rtnetlink.IFA_F_NOPREFIXROUTE : 0)
            | (address.NoDuplicateDetection && address.Address.AddressFamily == AddressFamily.InterNetworkV6 ? Rtnetlink.IFA_F_NODAD : 0);
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWADDR,
            NetlinkMessage.NLM_F_CREATE | (replace ? NetlinkMessage.NLM_F_REPLACE : NetlinkMessage.NLM_F_EXCL));
        WriteAddress(ref writer, address.InterfaceIndex, address.Address, address.PrefixLength, address.Scope);
        if (flags != 0)
        {
            writer.Number(Rtnetlink.IFA_FLAGS, flags);
        }

        _connection.Execute(writer.Complete(operation), operation);
    }

    /// <summary>Removes an address from a link.</summary>
    /// <returns>False if it did not exist.</returns>
    public bool DeleteAddress(int index, IPAddress address, int prefixLength)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"delete address {address}/{prefixLength} from link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELADDR, 0);
        WriteAddress(ref writer, index, address, prefixLength, RouteScope.Universe);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.EADDRNOTAVAIL);
    }

    /// <summary>Addresses of one link, or of all links (index 0).</summary>
    public IReadOnlyList<InterfaceAddress> GetAddresses(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var operation = index == 0 ? "list addresses" : $"list addresses of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETADDR, 0);
        writer.Body(new Rtnetlink.AddressMessage { Index = index });
        // Kernels without strict checking don't filter.
        return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out InterfaceAddress address) =>
            AddressCodec.Parse(message, out address) && (index == 0 || address.InterfaceIndex == index));
    }

    private static byte Family(IPAddress address) => address.AddressFamily switch
    {
        AddressFamily.InterNetwork => Libc.AF_INET,
        AddressFamily.InterNetworkV6 => Libc.AF_INET6,
        _ => throw new ArgumentException($"{address} is neither an IPv4 nor an IPv6 address", nameof(address)),
    };

    private static void WriteAddress(ref MessageWriter writer, int index, IPAddress address, int prefixLength, RouteScope scope)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var family = Family(address);
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, 8 * AttributeReader.AddressLength(family));
        writer.Body(
            new Rtnetlink.AddressMessage { Family = family, PrefixLength = (byte)prefixLength, Scope = (byte)scope, Index = index });
        writer.Address(Rtnetlink.IFA_LOCAL, address);
        writer.Address(Rtnetlink.IFA_ADDRESS, address);
    }
}
