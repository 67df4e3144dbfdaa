namespace ACCOffload.InfraManager.Security;

/// <summary>Who a client is, by its certificate.</summary>
/// <param name="Node">The node whose endpoints it may change.</param>
/// <param name="Subject">The certificate's subject, for the log.</param>
/// <param name="Fingerprint">SHA-256 of the certificate, upper-case hex.</param>
/// <param name="NotAfter">When the first certificate of its chain expires.</param>
internal sealed record ClientIdentity(string Node, string Subject, string Fingerprint, DateTimeOffset NotAfter);
