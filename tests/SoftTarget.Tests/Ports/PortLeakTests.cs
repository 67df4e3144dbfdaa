using ACCOffload.SoftTarget.Tests.Support;

namespace ACCOffload.SoftTarget.Tests.Ports;

/// <summary>The counts are those of the whole process, so no other test may run at the same time.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class AloneCollection;

[Collection("alone")]
public sealed class PortLeakTests
{
    [Fact]
    public async Task Starting_and_stopping_leaks_no_thread_and_no_descriptor()
    {
        Needs.Root();
        using var wires = new Wires();
        wires.Lay("a");
        async Task RoundAsync()
        {
            await using var target = await PortTests.StartAsync(wires, "a");
        }

        static (int Threads, int Files) Count() => (
            Directory.GetDirectories("/proc/self/task").Count(
                t => File.ReadAllText(System.IO.Path.Combine(t, "comm")).StartsWith("softtarget", StringComparison.Ordinal)),
            Directory.GetFiles("/proc/self/fd").Count(f => new FileInfo(f).LinkTarget is { } t
                && (t.Contains("eventpoll", StringComparison.Ordinal) || t.Contains("eventfd", StringComparison.Ordinal))));
        await RoundAsync();
        var before = Count();
        for (var i = 0; i < 5; i++)
        {
            await RoundAsync();
        }

        Assert.True(Count().Threads <= before.Threads && Count().Files <= before.Files + 2, $"{before} → {Count()}");
    }
}
