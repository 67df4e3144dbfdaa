using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Metrics;

/// <summary>When certificates expire.</summary>
public static class CertificateExpiry
{
    private const int MaxFileBytes = 1 << 20;

    /// <summary>Seconds until the first certificate of a PEM file expires, negative afterwards; null if it cannot be read.</summary>
    public static double? OfFile(string path, DateTimeOffset now)
    {
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
            {
                return null;
            }

            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(path));
            return (certificate.NotAfter.ToUniversalTime() - now.UtcDateTime).TotalSeconds;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return null;
        }
    }
}
