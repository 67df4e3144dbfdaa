using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>
/// The entries that should be on a target besides those of endpoints: those of services and of the node, and the ID mark. Shared entries
/// occur more than once.
/// </summary>
internal static class OtherEntries
{
    public static IEnumerable<Entry> Of(Programmer programmer)
    {
        var pipeline = TestPipeline.Artifacts.Pipeline;
        var services = new ServiceCompiler(pipeline);
        var last = programmer.Status.LastServiceNumber;
        return programmer.Services.Values.SelectMany(s => services.Compile(s.State))
            .Concat(new NodeCompiler(pipeline, TestNode.Settings).Compile(programmer.Snat))
            .Concat(last == 0 ? [] : [new IdMark(pipeline).For(last)]);
    }
}
