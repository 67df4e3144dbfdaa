using ACCOffload.HostStub.Configuration;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Logging;

/// <summary>The levels in force. A reload replaces them while loggers go on.</summary>
internal sealed class LogLevels(LoggingConfig initial)
{
    private volatile LoggingConfig _current = initial;

    public void Set(LoggingConfig config) => _current = config;

    public bool IsEnabled(string? category, LogLevel level)
    {
        var current = _current;
        if (category is not null && current.Features.TryGetValue(category, out var feature))
            return level >= feature && feature != LogLevel.None;
        // What is not ours (the host, gRPC) speaks up only when something is wrong.
        var least = category is not null && Array.IndexOf(LogFeature.All, category) < 0 && current.Level < LogLevel.Warning && current.Level > LogLevel.Debug
            ? LogLevel.Warning
            : current.Level;
        return level >= least && least != LogLevel.None;
    }
}
