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
        for (ulong i = 1; ; i++)
        {
            store.Commit([Change(1, i), Change(2, i)]);
            Console.Out.WriteLine(i);
            Console.Out.Flush();
        }

        static StoreChange Change(int number, ulong i) =>
            new(new StateKey(StateKind.Endpoint, (long)number), new Endpoint(number, TestNode.Pod(number, i), true));
    }
}
