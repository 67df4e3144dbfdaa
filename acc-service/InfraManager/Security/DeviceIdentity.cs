using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Security;

/// <summary>The key and certificate of the server as files. The key is created here and never leaves the machine.</summary>
internal sealed class DeviceIdentity(ApiSettings files)
{
    /// <summary>The name that a host expects by default, regardless of the address.</summary>
    public const string DefaultName = "accoffload-acc";

    private const string Role = CertificateRoles.Prefix + CertificateRoles.Acc;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode ForAll = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private string RequestFile => Path.ChangeExtension(files.CertificateFile, ".csr");

    /// <summary>Creates a key unless there is one, and writes a certificate signing request with the ACC's role.</summary>
    /// <param name="names">DNS names and IP addresses.</param>
    /// <returns>The request, PEM.</returns>
    public string Request(IReadOnlyList<string> names)
    {
        using var key = LoadOrCreateKey();
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IpText.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else if (Uri.CheckHostName(name) == UriHostNameType.Dns)
            {
                alternatives.AddDnsName(name);
            }
            else
            {
                throw new CertificateFileException(
                    "--name", RequestFile, $"'{ConfigurationError.OneLine(name)}' is neither a DNS name nor an address",
                    "give another --name");
            }
        }
        alternatives.AddUri(new Uri(Role));
        var request = new CertificateRequest(new X500DistinguishedName($"CN={names[0]}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false));
        var pem = request.CreateSigningRequestPem();
        Write(RequestFile, pem + "\n", ForAll);
        return pem;
    }

    /// <summary>
    /// Checks the issued certificate and installs it: the authorities first, so that the installed pair is always trusted.
    /// </summary>
    /// <returns>One line about what was installed.</returns>
    /// <exception cref="CertificateFileException">The certificate cannot be used; nothing was changed.</exception>
    public string Install(string certificateFile, string authoritiesFile, DateTimeOffset now)
    {
        var chain = Read(certificateFile);
        var authorities = Read(authoritiesFile);
        var leaf = chain[0];
        using (var key = LoadKey())
        using (var issued = leaf.GetECDsaPublicKey())
        {
            if (issued is null || !issued.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo()))
            {
                throw Refuse(
                    certificateFile, $"it was not issued for this device's key ({files.KeyFile})",
                    "have the request of 'inframanager certs request' signed");
            }
        }
        if (!CertificateRoles.Read(leaf).Contains(CertificateRoles.Acc))
        {
            throw Refuse(
                certificateFile, $"it does not carry the role {Role}",
                "sign the request with its alternative names (rootfs/pki/make-certs --request)");
        }

        if (leaf.NotAfter.ToUniversalTime() <= now.UtcDateTime)
        {
            throw Refuse(
                certificateFile, $"it expired on {leaf.NotAfter.ToUniversalTime():u}; the clock says {now:u}",
                "have a new one issued, or set the clock");
        }

        using var verifier = new X509Chain();
        verifier.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        verifier.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        verifier.ChainPolicy.DisableCertificateDownloads = true;
        // On first boot the clock may be behind the start of the validity; inframanager checks that whenever it uses the certificate.
        verifier.ChainPolicy.VerificationTime = (
            leaf.NotBefore.ToUniversalTime() > now.UtcDateTime ? leaf.NotBefore.AddSeconds(1) : now.LocalDateTime);
        verifier.ChainPolicy.CustomTrustStore.AddRange(authorities);
        verifier.ChainPolicy.ExtraStore.AddRange(chain);
        verifier.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (!verifier.Build(leaf))
        {
            throw Refuse(
                certificateFile,
                $"it does not chain to an authority in {authoritiesFile} "
                    + $"({verifier.ChainStatus.FirstOrDefault().StatusInformation.Trim()})",
                "give the authority that signed it with --ca");
        }

        Write(files.CaFile, File.ReadAllText(authoritiesFile), ForAll);
        Write(files.CertificateFile, File.ReadAllText(certificateFile), ForAll);
        return $"{files.CertificateFile}: {leaf.Subject}, valid until {leaf.NotAfter.ToUniversalTime():u}";
    }

    private ECDsa LoadOrCreateKey()
    {
        if (File.Exists(files.KeyFile))
        {
            return LoadKey();
        }

        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Write(files.KeyFile, key.ExportPkcs8PrivateKeyPem() + "\n", OwnerOnly);
        return key;
    }

    private ECDsa LoadKey()
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(files.KeyFile));
            return key;
        }
        catch (Exception e)
        {
            key.Dispose();
            if (e is not (ArgumentException or CryptographicException or FileNotFoundException or DirectoryNotFoundException))
            {
                throw;
            }

            throw new CertificateFileException(
                "Api:KeyFile", files.KeyFile, e is IOException ? "the file does not exist" : "it is not an EC private key in PEM",
                "run 'inframanager certs request'");
        }
    }

    private static X509Certificate2Collection Read(string file)
    {
        var read = new X509Certificate2Collection();
        try
        {
            read.ImportFromPemFile(file);
        }
        catch (CryptographicException e)
        {
            throw Refuse(file, $"it is malformed ({e.Message})", "give a PEM file");
        }
        return read.Count > 0 ? read : throw Refuse(file, "it contains no certificate", "give a PEM file");
    }

    private static CertificateFileException Refuse(string file, string reason, string remedy) => new("certs", file, reason, remedy);

    // Atomic even across a power failure. The file gets the owner of its directory, so that root can run this for the service's user.
    private static void Write(string file, string text, UnixFileMode mode)
    {
        var fresh = file + ".new";
        File.Delete(fresh);
        using (var stream = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = mode,
        }))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        // The umask may have removed more permissions than intended.
        File.SetUnixFileMode(fresh, mode);
        FileOwner.CopyFrom(Path.GetDirectoryName(file)!, fresh);
        File.Move(fresh, file, overwrite: true);
    }
}
