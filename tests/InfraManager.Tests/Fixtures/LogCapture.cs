using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ACCOffload.InfraManager.Tests.Fixtures;

/// <summary>Keeps what is logged.</summary>
internal sealed class LogCapture : ILoggerFactory
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    public IEnumerable<string> Matching(string part) => _lines.Where(l => l.Contains(part, StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => new Sink(categoryName, _lines);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class Sink(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // As in production: libraries are heard of trouble only.
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning || !(category.StartsWith("Microsoft.", StringComparison.Ordinal) || category.StartsWith("Grpc.", StringComparison.Ordinal));

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : " " + exception)}");
            }
        }
    }
}
