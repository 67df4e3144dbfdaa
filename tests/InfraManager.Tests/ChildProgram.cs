using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests;

/// <summary>What runs when the test assembly is started as a program: a process to be killed.</summary>
internal static class ChildProgram
{
    public static int Main(string[] args) => args switch
    {
        ["store-writer", var path] => WriteForEver(path),
        _ => 0,
    };

    // Two endpoints change in each commit: afterwards, both are of the same commit or the store is torn.
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
