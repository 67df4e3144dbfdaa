using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>
/// Eight bytes in place of a UID's 36 characters, for each endpoint of the cluster. The same in every process, as it is kept in the database; only
/// compared with others of the same address.
/// </summary>
internal static class UidHash
{
    /// <summary>0 for no UID.</summary>
    public static ulong Of(string? uid)
    {
        if (string.IsNullOrEmpty(uid))
        {
            return 0;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(uid), hash);
        return Math.Max(1, BinaryPrimitives.ReadUInt64BigEndian(hash));
    }
}
