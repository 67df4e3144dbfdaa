using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>Adds and removes ports, and notifies the port binder.</summary>
internal sealed partial class PortManager(PortTable table, PortBinder? binder, ILogger logger)
{
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = logger;

    public PortTable Table { get; } = table;

    /// <summary>Why no port's link can be opened; empty if links can be opened.</summary>
    public string Fault => binder?.Fault.Reason ?? "";

    /// <summary>Number of ports whose link is missing or can't be opened.</summary>
    public int Down => binder is null ? 0 : Table.Ports.Values.Count(p => !p.IsBound);

    /// <summary>
    /// Why a port forwards no packets after <see cref="SettleAsync"/> although its link may exist; null if it forwards packets, or only
    /// waits for its link or its name.
    /// </summary>
    public string? RefusalOf(SoftPort port) =>
        port.Fault.Length > 0 && !port.IsTap ? port.Fault
        : binder?.Fault is { Reason.Length: > 0, IsAwaited: false } fault ? fault.Reason
        : null;

    /// <summary>Adds a port; an existing port is unchanged. Null if all port numbers are in use.</summary>
    public SoftPort? Add(string name, string type, out bool added)
    {
        var port = Table.Add(name, type, out added);
        if (port is null || !added)
        {
            return port;
        }

        LogAdded(_logger, name, port.Id);
        binder?.Added(port);
        return port;
    }

    /// <summary>Removes a port; false if there is none.</summary>
    public bool Remove(string name)
    {
        if (Table.Remove(name) is not { } port)
        {
            return false;
        }

        LogRemoved(_logger, name, port.Id);
        binder?.Removed(port);
        return true;
    }

    /// <summary>
    /// Waits until the data plane has applied the port changes: removed ports are closed, and new ports with a link are served.
    /// </summary>
    public async Task SettleAsync(CancellationToken cancellation)
    {
        if (binder is null)
        {
            return;
        }

        try
        {
            await binder.SettleAsync().WaitAsync(SettleLimit, cancellation);
        }
        catch (TimeoutException)
        {
            LogUnsettled(_logger, SettleLimit.TotalSeconds);
        }
    }

    [LoggerMessage(52, LogLevel.Warning, "The data plane did not apply the port changes within {Seconds} s")]
    private static partial void LogUnsettled(ILogger logger, double seconds);

    [LoggerMessage(50, LogLevel.Information, "Port {Port} added as {Id}")]
    private static partial void LogAdded(ILogger logger, string port, uint id);

    [LoggerMessage(51, LogLevel.Information, "Port {Port} ({Id}) removed")]
    private static partial void LogRemoved(ILogger logger, string port, uint id);
}
