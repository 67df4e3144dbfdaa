using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.TestKit;

namespace ACCOffload.Benchmarks.Nodes;

/// <summary>Entries of the table `pods` with different addresses.</summary>
internal static class PodEntries
{
    public static string PipelineDirectory => Path.Combine(Path.GetDirectoryName(Published.InfraManager)!, "pipeline");

    public static Entry[] Make(Pipeline pipeline, int count)
    {
        var builder = pipeline.Table("pods").NewEntry();
        var entries = new Entry[count];
        for (var i = 0; i < count; i++)
        {
            entries[i] = builder.Exact("dst_ip", 0x0af4_0000ul + (ulong)i).Action("to_pod")
                .Param("port", (ulong)(i % 250) + 1).Param("src_mac", 0x02acc0000001ul)
                .Param("dst_mac", 0x020000000000ul + (ulong)i).Build();
        }

        return entries;
    }
}
