using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Tests.Support;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.Compile;

public sealed class LearnedTableTests
{
    [Fact]
    public void Tables_filled_on_a_miss_are_recognized_as_learned()
    {
        var info = P4Info.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "pipeline", "k8s_dp.p4info.bin")));
        // Only learned tables have an action with scope TABLE_ONLY: that of the entries that a miss adds.
        var learned = info.Tables.Where(t => t.ActionRefs.Any(a => a.Scope == ActionRef.Types.Scope.TableOnly))
            .Select(t => t.Preamble.Alias).Order();
        Assert.Equal(learned, TestPipeline.Artifacts.Pipeline.Tables.Where(K8sTableOrder.Instance.IsLearned).Select(t => t.Alias).Order());
    }
}
