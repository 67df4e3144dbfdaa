using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.P4Runtime.Tests;

public sealed class UpdatePlanTests
{
    [Fact]
    public void Inserts_ascend_deletes_descend_and_parts_are_capped()
    {
        var updates = new List<EntryUpdate>();
        foreach (var kind in new[] { UpdateKind.Delete, UpdateKind.Modify, UpdateKind.Insert })
        {
            for (var i = 0; i < 5; i++)
            {
                updates.Add(new(kind, TestPipeline.Pod((uint)i)));
                updates.Add(new(kind, TestPipeline.Routes.NewEntry().Lpm("dst_ip", (ulong)i << 24, 8).BuildKey()));
            }
        }

        var parts = UpdatePlan.Split(updates, t => t == TestPipeline.Pods ? 2 : 1, 4);
        Assert.Equal(updates.Count, parts.Sum(p => p.Length));
        Assert.Equal(
            [
                (UpdateKind.Insert, "routes", 4), (UpdateKind.Insert, "routes", 1), (UpdateKind.Insert, "pods", 4), (UpdateKind.Insert, "pods", 1),
                (UpdateKind.Modify, "", 4), (UpdateKind.Modify, "", 4), (UpdateKind.Modify, "", 2),
                (UpdateKind.Delete, "pods", 4), (UpdateKind.Delete, "pods", 1), (UpdateKind.Delete, "routes", 4), (UpdateKind.Delete, "routes", 1),
            ],
            parts.Select(p => (p.Span[0].Kind, p.Span[0].Kind == UpdateKind.Modify ? "" : p.Span[0].Entry.Table.Alias, p.Length)));
        Assert.Empty(UpdatePlan.Split([], _ => 0, 1));
    }
}
