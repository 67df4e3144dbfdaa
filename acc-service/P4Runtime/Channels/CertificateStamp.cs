namespace ACCOffload.P4Runtime.Channels;

/// <summary>Detects replaced certificate files: modification time and length of each.</summary>
internal readonly record struct CertificateStamp(
    DateTime Certificate, long CertificateLength, DateTime Key, long KeyLength, DateTime Ca, long CaLength)
{
    public static CertificateStamp Of(TargetEndpoint endpoint)
    {
        if (endpoint.UnixPath is not null)
        {
            return default;
        }

        var (certificate, certificateLength) = Stamp(endpoint.CertificateFile);
        var (key, keyLength) = Stamp(endpoint.KeyFile);
        var (ca, caLength) = Stamp(endpoint.CaFile);
        return new CertificateStamp(certificate, certificateLength, key, keyLength, ca, caLength);
    }

    private static (DateTime Time, long Length) Stamp(string path)
    {
        // Follow symbolic links: certificate managers swap them.
        var file = new FileInfo(path);
        if (file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target)
        {
            file = target;
        }

        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }
}
