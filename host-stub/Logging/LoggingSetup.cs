using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace ACCOffload.HostStub.Logging;

internal static class LoggingSetup
{
    public static void Configure(ILoggingBuilder logging, string format, LogLevels levels)
    {
        logging.SetMinimumLevel(LogLevel.Trace);
        logging.AddFilter((_, category, level) => levels.IsEnabled(category, level));
        // It tells of a failed start with a stack trace; the command line says the same in one line.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        switch (format)
        {
            case "json":
                logging.AddJsonConsole(o =>
                {
                    o.UseUtcTimestamp = true;
                    o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
                });
                break;
            case "systemd":
                logging.AddSystemdConsole();
                break;
            default:
                logging.AddSimpleConsole(o =>
                {
                    o.SingleLine = true;
                    o.UseUtcTimestamp = true;
                    o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                    o.ColorBehavior = LoggerColorBehavior.Disabled;
                });
                break;
        }
    }
}
