using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>How bytes and texts from a hostile peer appear in responses and in the log.</summary>
public sealed class HostileInputTests
{
    // A length-delimited field 1 that is longer than the message.
    private static readonly byte[] Malformed = [0x0a, 0x7f, 1];

    [Theory]
    [InlineData("accoffload.v1.Offload", "Attach", "AttachRequest")]
    [InlineData("accoffload.v1.Offload", "Sync", "SyncRequest")]
    [InlineData("infra.InfraAgent", "CreateNetwork", "CreateNetworkRequest")]
    [InlineData("grpc.health.v1.Health", "Check", "HealthCheckRequest")]
    [InlineData("grpc.health.v1.Health", "Watch", "HealthCheckRequest")]
    public async Task A_malformed_message_is_invalid_and_named_without_a_stack_trace(string service, string method, string message)
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        await AssertMalformedAsync(api, api.Connect(certificate), service, method, message);
    }

    [Fact]
    public async Task A_malformed_message_is_invalid_on_the_control_socket_and_the_health_port()
    {
        await using var api = await ApiFixture.StartAsync();
        await AssertMalformedAsync(api, api.ConnectControl(), "accoffload.v1.Control", "AddService", "AddServiceRequest");
        await AssertMalformedAsync(api, api.ConnectPlain(api.HealthAddress), "grpc.health.v1.Health", "Check", "HealthCheckRequest");
    }

    [Fact]
    public async Task A_flood_of_refused_requests_logs_a_few_lines_with_counts()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        var client = new Offload.OffloadClient(api.Connect(certificate));
        var before = api.Log.Lines.Count;
        await Parallel.ForEachAsync(Enumerable.Range(0, 20_000), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            // The model's error messages may quote the request.
            api.Core.Refusal = IntentException.Invalid("key.network", $"\u001b[2J{i}");
            await Assert.ThrowsAsync<RpcException>(async () => await client.AttachAsync(Requests.Attach()));
        });
        var lines = api.Log.Lines.Skip(before).ToList();
        Assert.InRange(lines.Count, 1, 20);
        Assert.Contains(lines, l => l.Contains("10000 more", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Any(char.IsControl));
    }

    [Fact]
    public async Task Issuer_names_can_neither_flood_nor_corrupt_the_log()
    {
        await using var api = await ApiFixture.StartAsync();
        for (var i = 0; i < 30; i++)
        {
            using var foreign = new TestPki(DateTimeOffset.UtcNow, $"CN=\"{i}\u001b[31m\u202e{new string('x', 10_000)}\"");
            using var certificate = foreign.IssueHost();
            await Assert.ThrowsAsync<RpcException>(async () =>
                await new Offload.OffloadClient(api.Connect(certificate)).AttachAsync(Requests.Attach()));
        }
        await Eventually.TrueAsync(() => api.Log.Matching("10 more").Any(), "refusals are counted");
        var lines = api.Log.Matching("Refused").ToList();
        Assert.InRange(lines.Count, 1, 10);
        Assert.All(lines, l => Assert.True(l.Length < 600 && !l.Any(char.IsControl) && !l.Contains('\u202e', StringComparison.Ordinal), l));
    }

    private static async Task AssertMalformedAsync(ApiFixture api, GrpcChannel channel, string service, string method, string message)
    {
        var raw = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);
        using var call = channel.CreateCallInvoker()
            .AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, service, method, raw, raw), null, default, Malformed);
        var e = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.StartsWith($"{message}: malformed protobuf", e.Status.Detail, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => api.Log.Matching($"/{service}/{method}: InvalidArgument: {message}: malformed").Any(),
            string.Join('|', api.Log.Lines));
        // A stack trace would have several lines.
        Assert.DoesNotContain(api.Log.Lines,
            l => l.Contains('\n', StringComparison.Ordinal) || l.Contains("Exception", StringComparison.Ordinal));
    }
}
