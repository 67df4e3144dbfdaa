namespace ACCOffload.FileStamps;

/// <summary>Detects replaced certificate files.</summary>
/// <param name="Certificate">The stamp of the certificate.</param>
/// <param name="Key">The stamp of its private key.</param>
/// <param name="Ca">The stamp of the trusted certificate authorities.</param>
public readonly record struct CertificateStamp(FileStamp Certificate, FileStamp Key, FileStamp Ca)
{
    /// <summary>The stamp of three files, any of which may be missing. Never throws.</summary>
    public static CertificateStamp Of(string certificateFile, string keyFile, string caFile) =>
        new(FileStamp.Of(certificateFile), FileStamp.Of(keyFile), FileStamp.Of(caFile));
}
