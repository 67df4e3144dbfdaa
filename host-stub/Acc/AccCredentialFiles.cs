using ACCOffload.FileStamps;
using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Acc;

/// <summary>The contents of the certificate files at one moment.</summary>
/// <param name="Certificate">The agent's certificate chain, leaf first.</param>
/// <param name="Key">The agent's private key.</param>
/// <param name="Ca">The CAs that may sign the ACC's certificate.</param>
/// <param name="Stamp">Changes when one of the files does.</param>
internal sealed record AccCredentialFiles(string Certificate, string Key, string Ca, CertificateStamp Stamp)
{
    /// <exception cref="AccException">A file can't be read; the message names it.</exception>
    public static AccCredentialFiles Read(AccConfig config)
    {
        var stamp = AccCredentials.StampOf(config);
        return new AccCredentialFiles(Read(config.CertificateFile), Read(config.KeyFile), Read(config.CaFile), stamp);
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AccException($"{path}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }
}
