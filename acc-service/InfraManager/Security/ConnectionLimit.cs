using Microsoft.AspNetCore.Connections;

namespace ACCOffload.InfraManager.Security;

/// <summary>Bounds the connections of one listener. Kestrel's own limit is the whole server's, so a flood on one port would close the others too.</summary>
internal sealed class ConnectionLimit(int most, RefusalLog refusals)
{
    private int _open;

    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _open) > most)
            {
                refusals.Refused(PeerName.Of(connection), "", $"there are {most} connections already");
                connection.Abort();
                return;
            }
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}
