using ACCOffload.HostStub.Agent;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub agent`.</summary>
internal static class AgentCommand
{
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(30);

    public static int Run(string path)
    {
        var config = AgentConfigReader.Load(path);
        var levels = new FeatureLevels(config.Logging, LogFeature.All);
        // Empty: no configuration of the framework's own, from whatever directory this is started in.
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = "/" });
        LogSetup.Configure(builder.Logging, levels);
        // Not AddSystemd(): it asks for the parent's name, which is not always "systemd"; whoever sets NOTIFY_SOCKET wants to be told.
        ISystemdNotifier notifier = new SilentNotifier();
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 })
        {
            notifier = new SystemdNotifier();
            builder.Services.AddSingleton<IHostLifetime, SystemdLifetime>();
        }
        builder.Services.AddSingleton(notifier);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = ShutdownLimit);
        builder.Services.AddSingleton<IHostedService>(services => new AgentService(
            config,
            path,
            levels,
            services.GetRequiredService<ILoggerFactory>(),
            notifier));
        using var host = builder.Build();
        host.Run();
        return 0;
    }

    // Where systemd did not start us there is nobody to notify.
    private sealed class SilentNotifier : ISystemdNotifier
    {
        public bool IsEnabled => false;

        public void Notify(ServiceState state)
        {
        }
    }
}
