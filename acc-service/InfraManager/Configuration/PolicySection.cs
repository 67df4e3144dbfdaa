using ACCOffload.InfraManager.Felix;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads Policy.</summary>
internal static class PolicySection
{
    private const string SourceKey = "Policy:Source";
    private const string SourceRemedy = "give kubernetes, felix, agent or off, or \"\" for kubernetes where services are watched";
    private const string SocketKey = "Policy:FelixSocket";

    /// <param name="reader">The configuration.</param>
    /// <param name="services">Where services come from: without a watch of the cluster there is no policy to watch.</param>
    public static PolicySettings Read(ConfigurationReader reader, ServicesSource services)
    {
        var isWatching = services == ServicesSource.Watch;
        var source = reader.Value<PolicySource?>(SourceKey, "", Optional, SourceRemedy);
        if (source == PolicySource.Kubernetes && !isWatching)
        {
            reader.Fail(
                SourceKey, "kubernetes", "needs a watch of the cluster, but services come from the agent (Services:Source)",
                "set Services:Source to watch, or Policy:Source to felix, agent or off");
        }

        return new PolicySettings(
            source ?? (isWatching ? PolicySource.Kubernetes : PolicySource.Off),
            reader.Value<string>(SocketKey, FelixListener.DefaultPath, Parsers.SocketPath, Remedies.Path));
    }

    private static string? Optional(string text, out PolicySource? value)
    {
        value = null;
        if (text.Length == 0)
        {
            return null;
        }

        var problem = Parsers.Name<PolicySource>(text, out var parsed);
        value = problem is null ? parsed : null;
        return problem;
    }
}
