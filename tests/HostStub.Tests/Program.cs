using System.Diagnostics;
using ACCOffload.HostStub.Agent;
using ACCOffload.HostStub.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Runner.InProc.SystemConsole;

namespace ACCOffload.HostStub.Tests;

/// <summary>The test assembly as a program: an agent that is killed after a given step of an operation, or the test runner.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is not ["crashing-agent", var config, var step])
        {
            return await ConsoleRunner.Run(args);
        }

        await using var agent =
            await HostAgent.StartAsync(AgentConfigReader.Load(config), NullLoggerFactory.Instance, TimeProvider.System, step: reached =>
        {
            if (reached == step)
            {
                Process.GetCurrentProcess().Kill();
            }
        });
        await Task.Delay(Timeout.Infinite);
        return 0;
    }
}
