using ACCOffload.Daemon;
using ACCOffload.InfraManager.Configuration;
using Microsoft.Extensions.Logging;

namespace ACCOffload.InfraManager.Tests.Daemon;

/// <summary>How a daemon that cannot start exits. Signals, systemd and graceful shutdown are tested with real processes.</summary>
public sealed class DaemonHostTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_invalid_configuration_is_left_to_the_command_line()
    {
        var daemon = new FailingDaemon(new ConfigurationException(new ConfigurationError("c.json", "A:B", "x", "is wrong", "change it")));
        await Assert.ThrowsAsync<ConfigurationException>(() => RunAsync(daemon));
        Assert.True(daemon.IsDisposed);
    }

    [Fact]
    public async Task A_failed_start_and_an_unexpected_error_exit_with_1()
    {
        foreach (var error in new Exception[] { new StartException("the store is in use"), new InvalidOperationException("unexpected") })
        {
            var daemon = new FailingDaemon(error);
            Assert.Equal(1, await RunAsync(daemon));
            Assert.True(daemon.IsDisposed);
        }
    }

    private Task<int> RunAsync(FailingDaemon daemon)
    {
        var logging = new LoggingSettings(LogFormat.Text, LogLevel.None, new Dictionary<string, LogLevel>());
        var options = new DaemonOptions
        {
            Name = "test",
            Levels = new FeatureLevels(logging, Features.Log),
            Category = Features.Host,
            ConfigurationFile = _folder.Write("c.json", "{}"),
            Reload = () => new ReloadedConfiguration(logging, NeedsRestart: false),
            ReloadCategory = Features.Config,
            ShutdownTimeout = TimeSpan.FromSeconds(10),
        };
        return DaemonHost.RunAsync(options, _ => daemon);
    }

    private sealed class FailingDaemon(Exception error) : IDaemon, IAsyncDisposable
    {
        public bool IsDisposed { get; private set; }

        public string Status => "";

        public Task StartAsync(CancellationToken cancellationToken) => Task.FromException(error);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask<bool> IsAliveAsync() => ValueTask.FromResult(true);

        public void Reload()
        {
        }

        public ValueTask DisposeAsync()
        {
            IsDisposed = true;
            return ValueTask.CompletedTask;
        }
    }
}
