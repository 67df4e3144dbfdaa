namespace ACCOffload.FileStamps;

/// <summary>Detects replaced certificate files.</summary>
/// <param name="Certificate">Of the certificate.</param>
/// <param name="Key">Of its private key.</param>
/// <param name="Ca">Of the trusted certificate authorities.</param>
public readonly record struct CertificateStamp(FileStamp Certificate, FileStamp Key, FileStamp Ca)
{
    /// <summary>The stamp of three files, any of which may be missing. Never throws.</summary>
    public static CertificateStamp Of(string certificateFile, string keyFile, string caFile) =>
        new(FileStamp.Of(certificateFile), FileStamp.Of(keyFile), FileStamp.Of(caFile));
}
