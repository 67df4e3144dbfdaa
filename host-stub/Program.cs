using ACCOffload.HostStub.Cli;
using ACCOffload.HostStub.Plugin;

// A container runtime names the command in the environment; then this is the CNI plugin, and nothing else is touched.
return Environment.GetEnvironmentVariable("CNI_COMMAND") is { Length: > 0 }
    ? CniPlugin.Run()
    : CommandLine.Run(args);
