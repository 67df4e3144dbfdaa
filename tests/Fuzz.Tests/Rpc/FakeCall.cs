using ACCOffload.InfraManager.Security;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>A call from the host of node-1, as the server passes it to a service.</summary>
internal sealed class FakeCall : ServerCallContext
{
    private readonly Dictionary<object, object> _state;

    public FakeCall()
    {
        var context = new DefaultHttpContext();
        context.Features.Set(new ClientIdentity("node-1", "CN=node-1", "00", DateTimeOffset.MaxValue));
        _state = new Dictionary<object, object> { ["__HttpContext"] = context };
    }

    protected override string MethodCore => "/fuzz/Call";

    protected override string HostCore => "localhost";

    protected override string PeerCore => "ipv4:192.0.2.2:1";

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; } = [];

    protected override CancellationToken CancellationTokenCore => CancellationToken.None;

    protected override Metadata ResponseTrailersCore { get; } = [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore { get; } = new("", []);

    protected override IDictionary<object, object> UserStateCore => _state;

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException();
}
