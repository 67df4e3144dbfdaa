using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>Start and size of a GPT partition in bytes.</summary>
internal sealed record Partition(long Start, long Size)
{
    private const int Sector = 512;

    public static async Task<Partition> OfAsync(string disk, string name)
    {
        var table = await Shell.RunAsync(null, "sfdisk", ["--dump", disk]).Succeeded();
        var line = table.Output.Split('\n').Single(l => l.EndsWith($"name=\"{name}\"", StringComparison.Ordinal));
        return new Partition(Number("start="), Number("size="));

        long Number(string field) => long.Parse(line.Split(field)[1].Split(',')[0]) * Sector;
    }
}
