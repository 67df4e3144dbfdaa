using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Runner.InProc.SystemConsole;

namespace ACCOffload.InfraManager.Tests;

/// <summary>The test assembly as a program: a process for a test to kill, or the test runner.</summary>
internal static class ChildProgram
{
    public static async Task<int> Main(string[] args) => args switch
    {
        ["store-writer", var path] => WriteForEver(path),
        _ => await ConsoleRunner.Run(args),
    };

    // Each commit changes two endpoints. If a reader finds them from different commits, the store is torn.
    private static int WriteForEver(string path)
    {
        using var store = SqliteStore.Open(path, NullLogger.Instance);
        var model = new NetworkModel();
        for (ulong i = 1; ; i++)
        {
            model.Endpoints.Put(new Endpoint(1, TestNode.Pod(1, i), true));
            model.Endpoints.Put(new Endpoint(2, TestNode.Pod(2, i), true));
            store.Commit(model);
            Console.Out.WriteLine(i);
            Console.Out.Flush();
        }
    }
}
