using Grpc.Core;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>A snapshot of the certificate files.</summary>
/// <param name="Certificate">Our certificate chain, leaf first.</param>
/// <param name="Key">Our private key.</param>
/// <param name="Ca">The certificate authorities we trust.</param>
/// <param name="Stamp">Identifies this version of the files.</param>
internal sealed record PemFiles(string Certificate, string Key, string Ca, CertificateStamp Stamp)
{
    /// <summary>Reads the files without validating them.</summary>
    /// <exception cref="P4RuntimeException">A file can't be read; the message names it.</exception>
    public static PemFiles Read(TargetEndpoint endpoint)
    {
        var stamp = endpoint.CertificateStamp;
        return new PemFiles(Read(endpoint.CertificateFile, "certificate"), Read(endpoint.KeyFile, "private key"),
            Read(endpoint.CaFile, "CA bundle"), stamp);
    }

    private static string Read(string path, string what)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unusable("no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Unusable(e.Message, e);
        }

        P4RuntimeException Unusable(string reason, Exception e) =>
            new(StatusCode.Unauthenticated, $"{what} {path} cannot be used: {reason}", e);
    }
}
