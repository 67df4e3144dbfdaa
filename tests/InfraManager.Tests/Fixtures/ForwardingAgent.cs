using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.Protos.Infra;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.Tests.Fixtures;

/// <summary>
/// Forwards Felix's messages as a 24.01 agent does (pkg/policy/policy_server.go of ipdk-io/k8s-infra-offload, v24.01): one call for each,
/// one after the other, each on a connection of its own that it never closes. What it has no method for, such as in_sync, it drops.
/// </summary>
/// <param name="connect">Makes a connection to the ACC.</param>
internal sealed class ForwardingAgent(Func<GrpcChannel> connect)
{
    private static readonly Dictionary<int, string> Methods = new()
    {
        [2] = "UpdateIPSet",
        [3] = "UpdateIPSetDelta",
        [4] = "RemoveIPSet",
        [5] = "UpdateActiveProfile",
        [6] = "RemoveActiveProfile",
        [7] = "ActivePolicyUpdate",
        [8] = "ActivePolicyRemove",
        [9] = "UpdateHostEndpoint",
        [10] = "RemoveHostEndpoint",
        [11] = "UpdateLocalEndpoint",
        [12] = "RemoveLocalEndpoint",
        [14] = "UpdateHostMetaData",
        [18] = "RemoveHostMetaData",
        [19] = "UpdateServiceAccount",
        [20] = "RemoveServiceAccount",
        [21] = "UpdateNamespace",
        [22] = "RemoveNamespace",
        [23] = "UpdateRoute",
        [24] = "RemoveRoute",
        [25] = "UpdateVXLANTunnelEndpoint",
        [26] = "RemoveVXLANTunnelEndpoint",
    };

    /// <summary>Every method, and the number of the message that it carries.</summary>
    public static IEnumerable<(string Method, int Field)> All => Methods.Select(m => (m.Value, m.Key));

    /// <summary>The process starts: it sets up the host's interface before it listens to Felix.</summary>
    public async Task StartAsync()
    {
        var request = Requests.SetupHostInterface();
        // No pod of the tests has it.
        request.MacAddr = "02:00:00:00:fe:01";
        var reply = await new InfraAgent.InfraAgentClient(connect()).SetupHostInterfaceAsync(request);
        Assert.True(reply.Successful, reply.ErrorMessage);
    }

    /// <summary>Forwards messages of ToDataplane.</summary>
    public async Task ForwardAsync(params IEnumerable<byte[]> messages)
    {
        foreach (var message in messages)
        {
            var (field, payload) = Split(message);
            if (Methods.TryGetValue(field, out var method))
            {
                Assert.True((await CallAsync(method, payload)).Successful);
            }
        }
    }

    public async Task<Reply> CallAsync(string method, byte[] request)
    {
        var raw = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);
        using var call = connect().CreateCallInvoker()
            .AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, "infra.InfraAgent", method, raw, raw), null, default, request);
        return Reply.Parser.ParseFrom(await call);
    }

    private static (int Field, byte[] Payload) Split(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.MoveNext())
        {
            if (reader.Field != 15)
            {
                return (reader.Field, reader.Bytes().ToArray());
            }
        }

        return default;
    }
}
