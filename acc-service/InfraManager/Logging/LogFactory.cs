using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Logging;

/// <summary>Makes the one logger factory of the process.</summary>
internal static class LogFactory
{
    public static ILoggerFactory Create(FeatureLevels levels) => LoggerFactory.Create(builder =>
    {
        builder.SetMinimumLevel(LogLevel.Trace);
        builder.AddFilter((category, level) => levels.IsEnabled(category ?? "", level));
        switch (levels.Settings.Format)
        {
            case LogFormat.Json:
                builder.AddJsonConsole(o =>
                {
                    o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
                    o.UseUtcTimestamp = true;
                });
                break;
            case LogFormat.Systemd:
                builder.AddSystemdConsole();
                break;
            default:
                builder.AddSimpleConsole(o =>
                {
                    o.SingleLine = true;
                    o.TimestampFormat = "HH:mm:ss.fff ";
                    o.ColorBehavior = Microsoft.Extensions.Logging.Console.LoggerColorBehavior.Disabled;
                });
                break;
        }
    });
}
