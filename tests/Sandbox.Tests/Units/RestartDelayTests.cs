using ACCOffload.TestKit.Processes;

namespace ACCOffload.Sandbox.Tests.Units;

/// <summary>The delay before a start depending on the state reported by systemd; systemctl and sleep are fakes.</summary>
public sealed class RestartDelayTests : IDisposable
{
    private const long Minute = 60_000_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-delay-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    // A manual start, and the first restarts.
    [InlineData(0, 0, 0, 100, "")]
    [InlineData(2, 90, 95, 100, "")]
    // The service exits soon after each start.
    [InlineData(3, 90, 95, 100, "2")]
    [InlineData(4, 90, 95, 100, "4")]
    [InlineData(6, 90, 95, 100, "16")]
    [InlineData(7, 90, 95, 100, "30")]
    [InlineData(1000, 90, 95, 100, "30")]
    // The service ran for a long time and has just exited.
    [InlineData(1000, 0, 15 * Minute, (15 * Minute) + 1_000_000, "")]
    // The service ran for a long time but has failed to start since.
    [InlineData(5, 0, 15 * Minute, 16 * Minute, "8")]
    // The service has never started.
    [InlineData(4, 0, 0, 15 * Minute, "4")]
    public async Task The_delay_depends_on_the_restart_history(int restarts, long entered, long left, long now, string seconds)
    {
        Write("systemctl", $"""
            [ "$*" = "show --property=NRestarts,ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic,InactiveExitTimestampMonotonic some.service" ] || exit 1
            echo NRestarts={restarts}
            echo InactiveExitTimestampMonotonic={now}
            echo ActiveEnterTimestampMonotonic={entered}
            echo ActiveExitTimestampMonotonic={left}
            """);
        Write("sleep", "echo \"$@\"");
        var run = (await Shell.RunAsync(
            null, "/bin/sh", [$"{Repository.Root}/rootfs/overlay/usr/lib/accoffload/restart-delay", "some.service"],
            environment: new Dictionary<string, string> { ["PATH"] = $"{_folder}:/usr/bin:/bin" })).MustSucceed();
        Assert.Equal((seconds, ""), (run.Output.Trim(), run.Error));
    }

    private void Write(string name, string text)
    {
        File.WriteAllText(Path.Combine(_folder, name), $"#!/bin/sh\n{text}\n");
        File.SetUnixFileMode(Path.Combine(_folder, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
