namespace ACCOffload.InfraManager.State;

/// <summary>The profiles' names in the configuration.</summary>
internal static class PipelineProfiles
{
    private static readonly (string Name, PipelineProfile Profile)[] All =
        [("k8s_dp", PipelineProfile.K8sDp), ("es2k-24.01", PipelineProfile.Es2k2401), ("dpdk-24.01", PipelineProfile.Dpdk2401)];

    public static string Names => string.Join(", ", All.Select(p => p.Name));

    public static string NameOf(PipelineProfile profile) => All.First(p => p.Profile == profile).Name;

    /// <summary>Null, or why the text is none.</summary>
    public static string? Parse(string text, out PipelineProfile profile)
    {
        foreach ((var name, var known) in All)
        {
            if (name == text)
            {
                profile = known;
                return null;
            }
        }

        profile = default;
        return "is no profile";
    }
}
