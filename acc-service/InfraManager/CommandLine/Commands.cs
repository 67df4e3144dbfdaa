using System.CommandLine;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>The command line of inframanager.</summary>
internal static class Commands
{
    public static RootCommand Create()
    {
        var config = RunCommand.ConfigOption();
        var root = new RootCommand("The ACC's service of ACCOffload: programs the P4 pipeline for the pods of a node")
        {
            config,
            RunCommand.Create(),
            SoftTargetCommand.Create(),
            CtlCommand.Create(),
        };
        root.SetAction((parsed, _) => RunCommand.RunAsync(parsed.GetValue(config)));
        return root;
    }

    /// <summary>Runs a command line; the process ends by its own handling of signals.</summary>
    public static Task<int> RunAsync(string[] arguments, TextWriter? output = null, TextWriter? error = null)
    {
        var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null };
        if (output is not null)
            configuration.Output = output;
        if (error is not null)
            configuration.Error = error;
        return Create().Parse(arguments).InvokeAsync(configuration);
    }
}
