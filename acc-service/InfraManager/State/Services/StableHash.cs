using System.Text;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// A hash that is the same in every process (64-bit FNV-1a with a final mix). It spreads values; it is not cryptographic.
/// </summary>
internal static class StableHash
{
    private const ulong Offset = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    public static ulong Of(string seed, BackendKey key)
    {
        Span<byte> address = stackalloc byte[16];
        key.Address.TryWriteBytes(address, out var length);
        var hash = Add(Offset, Encoding.UTF8.GetBytes(seed));
        hash = Add(hash, address[..length]);
        hash = Add(hash, [(byte)(key.Port >> 8), (byte)key.Port]);
        // FNV's high bits depend too little on the last bytes.
        hash ^= hash >> 32;
        return hash * 0x9E3779B97F4A7C15;
    }

    private static ulong Add(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * Prime;
        }

        return hash;
    }
}
