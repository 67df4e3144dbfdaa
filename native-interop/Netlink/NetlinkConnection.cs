namespace ACCOffload.NativeInterop;

internal sealed class NetlinkConnection(INetlinkTransport transport) : IDisposable
{
    public INetlinkTransport Transport => transport;
    public void Dispose() => transport.Dispose();
}
