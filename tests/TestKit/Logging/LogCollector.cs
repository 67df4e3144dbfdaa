using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ACCOffload.TestKit.Logging;

/// <summary>Collects log messages as "Level category: message".</summary>
/// <param name="libraries">The minimum level for Microsoft's and gRPC's libraries; Warning in production.</param>
public sealed class LogCollector(LogLevel libraries = LogLevel.Warning) : ILoggerFactory
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    public IEnumerable<string> Matching(string part) => _lines.Where(l => l.Contains(part, StringComparison.Ordinal));

    public bool Contains(string part) => Matching(part).Any();

    public ILogger CreateLogger(string categoryName)
    {
        var isLibrary = categoryName.StartsWith("Microsoft.", StringComparison.Ordinal)
            || categoryName.StartsWith("Grpc.", StringComparison.Ordinal);
        return new Sink(categoryName, isLibrary ? libraries : LogLevel.Trace, _lines);
    }

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class Sink(string category, LogLevel lowest, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= lowest;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}");
            }
        }
    }
}
