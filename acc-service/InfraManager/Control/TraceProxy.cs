using System.Net.Sockets;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Grpc.Net.Client;
using SoftTargetClient = ACCOffload.Protos.V1.SoftTarget.SoftTargetClient;

namespace ACCOffload.InfraManager.Control;

/// <summary>Traces packets on the soft target; other targets cannot trace.</summary>
internal sealed class TraceProxy(string address) : IDisposable
{
    private const string CannotTrace = "this target cannot trace packets; only the soft target can";

    // Traces only over a unix socket: an https address may be infrap4d's, and this client has no certificates.
    private readonly GrpcChannel? _channel =
        address.StartsWith("unix:", StringComparison.Ordinal) ? UnixChannel.Create(address["unix:".Length..]) : null;

    /// <exception cref="RpcException">FAILED_PRECONDITION: the target cannot trace; UNAVAILABLE: it cannot be reached.</exception>
    public async Task<TraceReply> TraceAsync(uint port, Google.Protobuf.ByteString packet, CancellationToken cancellationToken)
    {
        if (_channel is null)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition,
                $"packets can be traced only on a soft target with a unix socket, and the target is at {address}"));
        }

        try
        {
            var request = new TraceRequest { Port = port, Packet = packet };
            return await new SoftTargetClient(_channel).TraceAsync(
                request, deadline: DateTime.UtcNow.AddSeconds(10), cancellationToken: cancellationToken);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, CannotTrace));
        }
        catch (RpcException e) when (e.InnerException is SocketException or HttpRequestException || e.StatusCode == StatusCode.Unavailable)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"the soft target at {address} cannot be reached"));
        }
    }

    public void Dispose() => _channel?.Dispose();
}
