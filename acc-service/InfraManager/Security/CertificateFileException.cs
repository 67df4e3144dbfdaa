namespace ACCOffload.InfraManager.Security;

/// <summary>A certificate, key or revocation list is unusable.</summary>
internal sealed class CertificateFileException(
    string key, string file, string reason, string remedy) : Exception($"{file}: {reason}; {remedy}")
{
    /// <summary>The configuration key that names the file.</summary>
    public string Key { get; } = key;

    public string File { get; } = file;

    public string Reason { get; } = reason;

    public string Remedy { get; } = remedy;
}
