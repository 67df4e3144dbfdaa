using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.FileStamps;
using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Acc;

/// <summary>The agent's certificate, and the CAs that may sign the ACC's.</summary>
internal sealed class AccCredentials : IDisposable
{
    private readonly X509Certificate2Collection _all = [];

    private AccCredentials(SslStreamCertificateContext client, X509Certificate2Collection authorities, CertificateStamp stamp)
    {
        Client = client;
        Authorities = authorities;
        Stamp = stamp;
    }

    public SslStreamCertificateContext Client { get; }

    public X509Certificate2Collection Authorities { get; }

    /// <summary>Changes when one of the files does.</summary>
    public CertificateStamp Stamp { get; }

    /// <exception cref="AccException">A file is not valid; the message names it.</exception>
    public static AccCredentials Load(AccConfig config, TimeProvider time) => From(config, AccCredentialFiles.Read(config), time);

    /// <exception cref="AccException">A file is not valid; the message names it.</exception>
    public static AccCredentials From(AccConfig config, AccCredentialFiles files, TimeProvider time)
    {
        var authorities = LoadAll(config.CaFile, files.Ca);
        var chain = LoadAll(config.CertificateFile, files.Certificate);
        X509Certificate2 leaf;
        try
        {
            leaf = X509Certificate2.CreateFromPem(files.Certificate, files.Key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new AccException($"{config.KeyFile}: not the private key for {config.CertificateFile}: {FirstLine(e)}");
        }
        var now = time.GetUtcNow();
        if (now > leaf.NotAfter.ToUniversalTime() || now < leaf.NotBefore.ToUniversalTime())
        {
            string from = leaf.NotBefore.ToUniversalTime().ToString("u"), to = leaf.NotAfter.ToUniversalTime().ToString("u");
            leaf.Dispose();
            throw new AccException($"{config.CertificateFile}: valid only from {from} to {to}");
        }
        chain.RemoveAt(0);
        var context = SslStreamCertificateContext.Create(leaf, chain, offline: true);
        var credentials = new AccCredentials(context, authorities, files.Stamp);
        credentials._all.Add(leaf);
        credentials._all.AddRange(chain);
        credentials._all.AddRange(authorities);
        return credentials;
    }

    /// <summary>Identifies this version of the files; cheap enough to compute often.</summary>
    public static CertificateStamp StampOf(AccConfig config) =>
        CertificateStamp.Of(config.CertificateFile, config.KeyFile, config.CaFile);

    public void Dispose()
    {
        foreach (var certificate in _all)
        {
            certificate.Dispose();
        }
    }

    private static X509Certificate2Collection LoadAll(string path, string text)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw new AccException($"{path}: {FirstLine(e)}");
        }
        return certificates.Count > 0 ? certificates : throw new AccException($"{path}: contains no PEM certificate");
    }

    private static string FirstLine(Exception e) => e.Message.AsSpan().SplitFirstLine();
}

file static class TextExtensions
{
    public static string SplitFirstLine(this ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAny('\r', '\n');
        return (end < 0 ? text : text[..end]).ToString();
    }
}
