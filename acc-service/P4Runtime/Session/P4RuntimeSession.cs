#pragma warning disable CS1591, CA1822, IDE0060, CA1065, CS1998
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace ACCOffload.P4Runtime;

/// <summary>One controller's session with one P4Runtime target: connection, arbitration, pipeline, tables.</summary>
public sealed class P4RuntimeSession : IAsyncDisposable
{
    public P4RuntimeSession(P4RuntimeSessionOptions options, ILogger logger) => throw new NotImplementedException();

    public event Action<SessionStateChange>? StateChanged { add => throw new NotImplementedException(); remove => throw new NotImplementedException(); }

    public event Action<ControllerPacket>? PacketReceived { add => throw new NotImplementedException(); remove => throw new NotImplementedException(); }

    public SessionState State => throw new NotImplementedException();

    /// <summary>Why the state is what it is; one line.</summary>
    public string StateReason => throw new NotImplementedException();

    /// <summary>Counts the connections made, from 1.</summary>
    public long ConnectionId => throw new NotImplementedException();

    public ElectionId ElectionId => throw new NotImplementedException();

    /// <summary>Set by EnsurePipelineAsync.</summary>
    public Pipeline? Pipeline => throw new NotImplementedException();

    public int MaxUpdatesPerWrite => throw new NotImplementedException();

    /// <summary>Starts connecting; returns at once.</summary>
    public void Start() => throw new NotImplementedException();

    public Task WaitForPrimaryAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<string> GetApiVersionAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Throws P4RuntimeException.</summary>
    public Task<PipelineCheck> EnsurePipelineAsync(Pipeline pipeline, ReadOnlyMemory<byte> deviceConfig, ulong cookie, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>ONE Write RPC, never throws for what the target or the network does. At most MaxUpdatesPerWrite.</summary>
    public Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Default, const and learned entries are left out. Throws P4RuntimeException.</summary>
    public async IAsyncEnumerable<Entry> ReadTableAsync(TableSchema? table = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        yield break;
    }

    public Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task SendPacketAsync(ControllerPacket packet, CancellationToken cancellationToken) => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
