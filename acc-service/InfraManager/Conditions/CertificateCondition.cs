using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the certificate files are usable, and the certificate in force is valid.</summary>
internal static class CertificateCondition
{
    private static readonly TimeSpan Soon = TimeSpan.FromDays(14);

    /// <param name="trust">The server's certificate and what it trusts.</param>
    /// <param name="targetProblem">Why the files for the connection to the target can't be used; empty while they can.</param>
    /// <param name="now">The time.</param>
    public static Condition Of(TrustStore trust, string targetProblem, DateTimeOffset now)
    {
        var until = trust.Current.NotAfter;
        if (until < now)
        {
            return Condition.Blocking(ConditionNames.Certificates, $"{trust.CertificateFile}: the certificate in force expired on {until:u}, hosts refuse it; renew it");
        }

        if (trust.Problem.Length > 0)
        {
            return Condition.Unmet(ConditionNames.Certificates, $"{trust.Problem}; the files read before stay in force until {until:u}");
        }

        if (targetProblem.Length > 0)
        {
            return Condition.Unmet(ConditionNames.Certificates, $"for the target: {targetProblem}; the files read before stay in force");
        }

        return Condition.Met(ConditionNames.Certificates, until - now < Soon ? $"{trust.CertificateFile} is valid until {until:u} only; renew it" : "");
    }
}
