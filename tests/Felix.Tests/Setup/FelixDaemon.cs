using System.Globalization;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Felix.Tests.Setup;

/// <summary>A real Felix, with our driver as its data plane.</summary>
internal sealed class FelixDaemon : IAsyncDisposable
{
    private readonly BackgroundProcess _process;

    /// <param name="netns">The network namespace, with etcd.</param>
    /// <param name="node">The name of the node.</param>
    /// <param name="driver">The driver's executable.</param>
    public FelixDaemon(string netns, string node, string driver) => _process = new BackgroundProcess(
        netns, FelixPrograms.Felix, [], new Dictionary<string, string>
        {
            ["DATASTORE_TYPE"] = "etcdv3",
            ["ETCD_ENDPOINTS"] = EtcdServer.Address,
            ["FELIX_DATASTORETYPE"] = "etcdv3",
            ["FELIX_ETCDENDPOINTS"] = EtcdServer.Address,
            ["FELIX_FELIXHOSTNAME"] = node,
            ["FELIX_USEINTERNALDATAPLANEDRIVER"] = "false",
            ["FELIX_DATAPLANEDRIVER"] = driver,
            ["FELIX_LOGFILEPATH"] = "none",
            ["FELIX_LOGSEVERITYFILE"] = "none",
            ["FELIX_LOGSEVERITYSYS"] = "none",
            ["FELIX_LOGSEVERITYSCREEN"] = "warning",
            ["FELIX_USAGEREPORTINGENABLED"] = "false",
            ["FELIX_HEALTHENABLED"] = "false",
            ["FELIX_PROMETHEUSMETRICSENABLED"] = "false",
            ["FELIX_ENDPOINTSTATUSPATHPREFIX"] = "none",
        });

    public bool HasExited => _process.HasExited;

    public string Log => _process.Log;

    /// <summary>Kills Felix; its driver reads the end of its pipe, and ends.</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>Waits until Felix has ended, as it does after its driver.</summary>
    public Task<int> WaitAsync() => _process.WaitAsync();

    /// <summary>Kills the driver that Felix has started.</summary>
    public async Task KillDriverAsync()
    {
        var driver = (await Shell.RunAsync(null, "pgrep", ["--parent", _process.Id.ToString(CultureInfo.InvariantCulture)])).MustSucceed();
        foreach (var id in driver.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            (await Shell.RunAsync(null, "kill", ["-KILL", id])).MustSucceed();
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
