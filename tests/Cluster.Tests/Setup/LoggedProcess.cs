using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>A program that runs in a network namespace and writes its log to a file.</summary>
internal static class LoggedProcess
{
    public static BackgroundProcess Start(string netns, string log, string program, params string[] arguments) =>
        new(netns, "sh", ["-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", log, program, .. arguments]);
}
