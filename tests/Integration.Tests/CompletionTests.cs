using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The shell completion that the packages install, in a bash.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("inframanager ", "ctl doctor support-bundle")]
    [InlineData("inframanager do", "doctor")]
    [InlineData("inframanager ctl ", "status endpoints policy trace")]
    [InlineData("inframanager ctl policy w", "why")]
    [InlineData("inframanager ctl trace --d", "--dst")]
    public Task Commands_of_inframanager_are_completed(string line, string expected) =>
        CompletesAsync("rootfs/overlay", Published.InfraManager, "_inframanager", line, expected);

    [Theory]
    [InlineData("host-stub ", "agent status doctor support-bundle")]
    [InlineData("host-stub doctor --", "--json --config --networks --plugins")]
    [InlineData("host-stub s", "status support-bundle")]
    public Task Commands_of_host_stub_are_completed(string line, string expected) =>
        CompletesAsync("rootfs/overlay-host", Published.HostStub, "_host_stub", line, expected);

    private static async Task CompletesAsync(string overlay, string program, string function, string line, string expected)
    {
        Needs.NotMissing(File.Exists(program) ? null : $"needs the published binaries: run 'make publish' ({program} is missing)");
        var file = Path.Combine(Repository.Root, overlay, "usr/share/bash-completion/completions", line.Split(' ')[0]);
        var run = await Shell.RunAsync(null, "bash", ["-c", $$"""
            PATH={{Path.GetDirectoryName(program)}}:$PATH
            . {{file}}
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            IFS=' ' read -ra COMP_WORDS <<<"$COMP_LINE"
            [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
            {{function}}
            printf '%s\n' "${COMPREPLY[@]}"
            """]);
        var words = run.MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(expected.Split(' '), w => Assert.Contains(w, words));
        var typed = line[(line.LastIndexOf(' ') + 1)..];
        Assert.All(words, w => Assert.StartsWith(typed, w, StringComparison.Ordinal));
    }
}
