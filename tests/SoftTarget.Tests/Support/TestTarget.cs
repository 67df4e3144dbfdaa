using ACCOffload.SoftTarget.Server;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>A soft target on its own unix socket, with a controller.</summary>
internal sealed class TestTarget : IAsyncDisposable
{
    private readonly string _directory;

    private TestTarget(string directory, SoftTargetHost host)
    {
        _directory = directory;
        Host = host;
        Client = new TargetClient(Socket);
    }

    public string Socket => Path.Combine(_directory, "target.sock");

    public SoftTargetHost Host { get; }

    public TargetClient Client { get; }

    public static async Task<TestTarget> StartAsync(Func<SoftTargetOptions, SoftTargetOptions>? change = null)
    {
        var directory = Directory.CreateTempSubdirectory("softtarget-").FullName;
        var options = new SoftTargetOptions { Listen = [$"unix:{directory}/target.sock"], ServePorts = false };
        return new TestTarget(directory, await SoftTargetHost.StartAsync(change?.Invoke(options) ?? options, NullLoggerFactory.Instance));
    }

    /// <summary>Starts a target with a primary and a running pipeline.</summary>
    public static async Task<TestTarget> StartAsync(TestPipeline pipeline, Func<SoftTargetOptions, SoftTargetOptions>? change = null)
    {
        var target = await StartAsync(change);
        await target.Client.BecomePrimaryAsync();
        await target.Client.PushAsync(pipeline.Config());
        return target;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Host.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
