using System.Net.Sockets;

namespace ACCOffload.InfraManager.State;

/// <summary>What an intent about masquerading must look like.</summary>
internal static class SnatRules
{
    public const int MaxPrefixes = 1024;

    private const int ShortestPrefix = 8;

    /// <param name="intent">The intent.</param>
    /// <param name="node">Whose addresses a source may be.</param>
    /// <param name="addressField">The address in the request.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(SnatIntent intent, NodeSettings node, string addressField = "address")
    {
        switch (intent)
        {
            case SnatAddressIntent { Address: { } address }:
                Span<byte> bytes = stackalloc byte[16];
                if (address.AddressFamily != AddressFamily.InterNetwork)
                {
                    throw IntentException.Invalid(addressField, $"{address} is not IPv4; this pipeline carries IPv4 only");
                }

                if (!address.TryWriteBytes(bytes, out _) || bytes[0] is 0 or 127 or >= 224)
                {
                    throw IntentException.Invalid(addressField, $"{address} is no unicast address");
                }
                // With another's address its replies would go to him, and his to us.
                if (!node.NodeAddresses.Contains(address) && !node.HostAddresses.Contains(address))
                {
                    throw IntentException.Invalid(addressField, $"{address} is none of this node's addresses (Node:NodeAddresses, Node:HostAddresses)");
                }

                break;
            case SnatPrefixIntent { Prefix: var prefix } when prefix.BaseAddress.AddressFamily != AddressFamily.InterNetwork:
                throw IntentException.Invalid("prefix", $"{prefix} is not IPv4; this pipeline carries IPv4 only");
            // What was taken once can always be removed.
            case SnatPrefixIntent { IsAdded: true, Prefix: var prefix }:
                if (prefix.PrefixLength < ShortestPrefix)
                {
                    throw IntentException.Invalid("prefix", $"{prefix} is larger than any cluster's range, at least /{ShortestPrefix}");
                }

                if (prefix.BaseAddress.GetAddressBytes()[0] is 0 or 127 or >= 224)
                {
                    throw IntentException.Invalid("prefix", $"{prefix} holds no unicast addresses");
                }

                break;
        }
    }
}
