#pragma warning disable CS1591, CA1822, IDE0060, CA1065, CS1998
using Microsoft.Extensions.Logging;

namespace ACCOffload.P4Runtime;

/// <summary>Adds, removes and finds ports through gNMI.</summary>
public sealed class GnmiClient : IAsyncDisposable
{
    public GnmiClient(TargetEndpoint endpoint, ILogger logger, TimeSpan? timeout = null) => throw new NotImplementedException();

    /// <summary>Creates a port on the link of that name; succeeds when it exists. Throws P4RuntimeException.</summary>
    public Task AddPortAsync(string name, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Removes a port; succeeds when there is none.</summary>
    public Task RemovePortAsync(string name, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The pipeline's id of a port; null if there is none.</summary>
    public Task<uint?> GetPortIdAsync(string name, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>All ports.</summary>
    public Task<IReadOnlyDictionary<string, uint>> GetPortsAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
