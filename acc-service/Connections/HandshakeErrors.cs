using System.Security.Authentication;

namespace ACCOffload.Connections;

/// <summary>
/// Captures the exception of a failed handshake, which Kestrel only logs, for the connection whose handshake runs in the same asynchronous
/// flow. (The TLS versions that a client offers are not in ClientHelloInfo.)
/// </summary>
internal sealed class HandshakeErrors(ILoggerFactory inner) : ILoggerFactory
{
    private const string Category = "Microsoft.AspNetCore.Server.Kestrel.Https.Internal.HttpsConnectionMiddleware";

    private static readonly AsyncLocal<Note?> Current = new();

    /// <summary>The error of a handshake.</summary>
    public sealed class Note
    {
        public Exception? Exception { get; set; }

        public bool TimedOut { get; set; }
    }

    /// <summary>Starts capturing the errors of this flow.</summary>
    public static Note Begin() => Current.Value = new Note();

    /// <summary>Explains the failure to the operator.</summary>
    public static string Explain(Note note)
    {
        if (note.TimedOut || note.Exception is OperationCanceledException)
        {
            return "the TLS handshake timed out";
        }

        if (note.Exception is not { } exception)
        {
            return "it closed the connection during the TLS handshake";
        }

        var root = exception;
        while (root.InnerException is not null)
        {
            root = root.InnerException;
        }

        if (root.Message.Contains(
            "unsupported protocol", StringComparison.Ordinal) || root.Message.Contains("version", StringComparison.Ordinal))
        {
            return "it does not offer TLS 1.3";
        }

        if (root.Message.Contains("frame", StringComparison.Ordinal))
        {
            return "it does not speak TLS";
        }

        return exception is AuthenticationException
            ? $"the TLS handshake failed ({ConfigurationError.OneLine(root.Message)})"
            : "it closed the connection during the TLS handshake";
    }

    public ILogger CreateLogger(string categoryName) =>
        categoryName == Category ? new Listener(inner.CreateLogger(categoryName)) : inner.CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>Does nothing: the inner factory belongs to its creator.</summary>
    public void Dispose()
    {
    }

    private sealed class Listener(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug || inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (Current.Value is { } note)
            {
                note.Exception ??= exception;
                note.TimedOut |= eventId.Name == "AuthenticationTimedOut";
            }
            if (inner.IsEnabled(logLevel))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
