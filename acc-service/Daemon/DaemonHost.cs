using ACCOffload.Daemon.Systemd;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>Runs a daemon in the generic host: log, signals, systemd, exit codes.</summary>
public static partial class DaemonHost
{
    /// <summary>Runs a daemon until a signal stops it.</summary>
    /// <param name="options">How its process runs.</param>
    /// <param name="create">Creates the daemon.</param>
    /// <returns>The exit code: 0 after an orderly stop, 1 after an error.</returns>
    /// <exception cref="ConfigurationException">The daemon cannot start with its configuration.</exception>
    public static async Task<int> RunAsync(DaemonOptions options, Func<ILoggerFactory, IDaemon> create)
    {
        ArgumentNullException.ThrowIfNull(options);
        // Empty, so that the framework does not read a configuration of its own from the working directory or the environment.
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = "/" });
        LogSetup.Configure(builder.Logging, options.Levels);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => create(services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddSingleton<IHostedService>(services => services.GetRequiredService<IDaemon>());
        builder.Services.AddSingleton(services => new ServiceManager(LoggerOf(services, options.Category)));
        builder.Services.AddSingleton(services => new LogLevelReloader(
            options.ConfigurationFile, options.Levels, options.Reload, TimeProvider.System, LoggerOf(services, options.ReloadCategory)));
        builder.Services.AddSingleton<IHostLifetime, DaemonLifetime>();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = options.ShutdownTimeout);

        var host = builder.Build();
        var logger = LoggerOf(host.Services, options.Category);
        await using var owned = (IAsyncDisposable)host;
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        try
        {
            await host.StartAsync();
            await host.WaitForShutdownAsync();
            return 0;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stopped by a signal before it had started.
            return 0;
        }
        catch (StartException e)
        {
            await Console.Error.WriteLineAsync($"{options.Name}: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is not ConfigurationException)
        {
            LogCrashed(logger, e);
            return 1;
        }
    }

    private static ILogger LoggerOf(IServiceProvider services, string category) =>
        services.GetRequiredService<ILoggerFactory>().CreateLogger(category);

    [LoggerMessage(EventId = 1000, Level = LogLevel.Critical, Message = "Stopped by an error")]
    private static partial void LogCrashed(ILogger logger, Exception exception);
}
