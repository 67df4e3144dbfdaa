using System.Net.Sockets;

namespace ACCOffload.InfraManager.Model;

/// <summary>What an intent about masquerading must look like.</summary>
internal static class SnatRules
{
    public const int MaxPrefixes = 1024;

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(SnatIntent intent)
    {
        switch (intent)
        {
            case SnatAddressIntent { Address: { } address }:
                Span<byte> bytes = stackalloc byte[16];
                if (address.AddressFamily != AddressFamily.InterNetwork)
                    throw IntentException.Invalid("address", $"{address} is not IPv4; this pipeline carries IPv4 only");
                if (!address.TryWriteBytes(bytes, out _) || bytes[0] is 0 or 127 or >= 224)
                    throw IntentException.Invalid("address", $"{address} is no unicast address");
                break;
            case SnatPrefixIntent { Prefix: var prefix } when prefix.BaseAddress.AddressFamily != AddressFamily.InterNetwork:
                throw IntentException.Invalid("prefix", $"{prefix} is not IPv4; this pipeline carries IPv4 only");
        }
    }
}
