namespace ACCOffload.SoftTarget.Server;

/// <summary>Tells open streams that the server stops.</summary>
internal sealed class ServerShutdown : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Begin() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
