using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.Metrics;

/// <summary>How long certificates are valid.</summary>
public static class CertificateExpiry
{
    private const int LargestFile = 1 << 20;

    /// <summary>Seconds from now until the first certificate of a PEM file expires, negative afterwards; null while there is none to read.</summary>
    public static double? OfFile(string path, DateTimeOffset now)
    {
        try
        {
            if (new FileInfo(path).Length > LargestFile)
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
