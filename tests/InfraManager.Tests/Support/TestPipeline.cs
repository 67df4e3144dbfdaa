using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>The committed pipeline, from the files next to the executable.</summary>
internal static class TestPipeline
{
    private static readonly Lazy<PipelineArtifacts> Loaded = new(() =>
        PipelineArtifacts.Load(Path.Combine(AppContext.BaseDirectory, "pipeline")));

    public static PipelineArtifacts Artifacts => Loaded.Value;
}
