using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>Rules for masquerading that need no other state.</summary>
internal static class SnatRules
{
    public const int MaxPrefixes = 1024;

    private const int MinPrefixLength = 8;

    /// <param name="address">The source address for pod traffic.</param>
    /// <param name="node">The node that must have the address.</param>
    /// <param name="field">The field of the address in the request.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void CheckAddress(IPAddress address, NodeSettings node, string field)
    {
        if (address.AddressFamily != AddressFamily.InterNetwork)
        {
            throw IntentException.Invalid(field, $"{address} is not IPv4; this pipeline carries IPv4 only");
        }

        if (!Ipv4.IsUnicast(address))
        {
            throw IntentException.Invalid(field, $"{address} is not a unicast address");
        }

        // Replies to another host's address would go to that host.
        if (!node.NodeAddresses.Contains(address) && !node.HostAddresses.Contains(address))
        {
            throw IntentException.Invalid(field, $"{address} is not one of this node's addresses (Node:NodeAddresses, Node:HostAddresses)");
        }
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void CheckPrefix(IPNetwork prefix, bool isAdded)
    {
        if (prefix.BaseAddress.AddressFamily != AddressFamily.InterNetwork)
        {
            throw IntentException.Invalid("prefix", $"{prefix} is not IPv4; this pipeline carries IPv4 only");
        }

        // A prefix that was accepted can always be removed.
        if (!isAdded)
        {
            return;
        }

        if (prefix.PrefixLength < MinPrefixLength)
        {
            throw IntentException.Invalid("prefix", $"{prefix} is too large, the minimum prefix length is {MinPrefixLength}");
        }

        if (!Ipv4.IsUnicast(prefix.BaseAddress))
        {
            throw IntentException.Invalid("prefix", $"{prefix} contains no unicast addresses");
        }
    }
}
