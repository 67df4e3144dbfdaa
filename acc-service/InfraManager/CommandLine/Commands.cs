using System.CommandLine;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>The command line of inframanager.</summary>
internal static class Commands
{
    public static RootCommand Create()
    {
        var config = new Option<string?>("--config")
        {
            Description = $"Configuration file; default: {SettingsLoader.DefaultFile}",
            HelpName = "FILE",
            Recursive = true,
        };
        var root = new RootCommand("ACCOffload's service on the ACC: programs the P4 pipeline for the pods of a node")
        {
            config,
            RunCommand.Create(config),
            SoftTargetCommand.Create(config),
            FelixDriverCommand.Create(),
            PrepareCommand.Create(config),
            CertsCommand.Create(config),
            MigrateCommand.Create(),
            DoctorCommand.Create(config),
            SupportBundleCommand.Create(config),
            CtlCommand.Create(config),
        };
        root.SetAction((parsed, _) => RunCommand.RunAsync(parsed.GetValue(config)));
        return root;
    }

    /// <summary>Runs a command line. The commands handle termination signals themselves.</summary>
    public static Task<int> RunAsync(string[] arguments, TextWriter? output = null, TextWriter? error = null)
    {
        var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null };
        if (output is not null)
        {
            configuration.Output = output;
        }

        if (error is not null)
        {
            configuration.Error = error;
        }

        // A root command has the name by which the process was called, which must not be that of one of its commands.
        var root = FelixDriverCommand.IsProgram() ? FelixDriverCommand.Create() : Create();
        return root.Parse(arguments).InvokeAsync(configuration);
    }
}
