using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace ACCOffload.Logging;

/// <summary>Writes the log to standard output in the configured format.</summary>
public static class LogSetup
{
    /// <summary>Adds the console and filters by the levels.</summary>
    /// <param name="builder">The logging builder.</param>
    /// <param name="levels">The levels, which can change later, and the format, which cannot.</param>
    public static void Configure(ILoggingBuilder builder, FeatureLevels levels)
    {
        builder.SetMinimumLevel(LogLevel.Trace);
        builder.AddFilter((category, level) => levels.IsEnabled(category ?? "", level));
        // The framework's host logs a failed start with a stack trace; the command line reports it in one line.
        builder.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
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
                    o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                    o.UseUtcTimestamp = true;
                    o.ColorBehavior = LoggerColorBehavior.Disabled;
                });
                break;
        }
    }
}
