using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the certificate files are usable and the certificate in use is valid.</summary>
internal static class CertificateCondition
{
    private static readonly TimeSpan RenewalNotice = TimeSpan.FromDays(14);

    /// <param name="trust">The server certificate and its trust store.</param>
    /// <param name="targetProblem">Why the files for the connection to the target cannot be used; otherwise empty.</param>
    /// <param name="now">The current time.</param>
    public static Condition Of(TrustStore trust, string targetProblem, DateTimeOffset now)
    {
        var until = trust.Current.NotAfter;
        if (until < now)
        {
            return Condition.Blocking(
                ConditionNames.Certificates,
                $"{trust.CertificateFile}: the certificate expired on {until:u} and hosts reject it; renew it");
        }

        if (trust.Problem.Length > 0)
        {
            return Condition.Unmet(ConditionNames.Certificates, $"{trust.Problem}; the previous files stay in use until {until:u}");
        }

        if (targetProblem.Length > 0)
        {
            return Condition.Unmet(
                ConditionNames.Certificates, $"connection to the target: {targetProblem}; the previous files stay in use");
        }

        return Condition.Met(
            ConditionNames.Certificates, until - now < RenewalNotice ? $"{trust.CertificateFile} expires on {until:u}; renew it" : "");
    }
}
