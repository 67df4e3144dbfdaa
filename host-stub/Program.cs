using ACCOffload.HostStub.Cli;
using ACCOffload.HostStub.Plugin;

// A container runtime passes the command in the environment. Then this process is the CNI plugin and loads nothing else.
return Environment.GetEnvironmentVariable("CNI_COMMAND") is { Length: > 0 }
    ? CniPlugin.Run()
    : CommandLine.Run(args);
