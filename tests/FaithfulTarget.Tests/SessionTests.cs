using ACCOffload.FaithfulTarget.Tests.Support;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.Protos.Tdi;
using ACCOffload.TestKit.Certificates;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using P4.Config.V1;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>The product's session with the shipped pipeline.</summary>
public sealed class SessionTests
{
    private const ulong Cookie = 0xc00c1e;
    private static readonly string Artifacts = Path.Combine(AppContext.BaseDirectory, "pipeline", "k8s_dp");

    [Fact]
    public async Task The_session_pushes_the_shipped_pipeline_and_reads_back_its_writes()
    {
        await using var fixture = await TargetFixture.StartAsync();
        await RunAsync(fixture, new TargetEndpoint { Address = fixture.Target.Address });
    }

    [Fact]
    public async Task The_session_works_over_mutual_tls()
    {
        using var certificates = new TlsFiles();
        await using var fixture = await TargetFixture.StartAsync(change: o => o with
        {
            SocketPath = "",
            Certificate = certificates.Server,
            AcceptsClient = c => c.Thumbprint == certificates.ClientThumbprint,
        });
        await RunAsync(fixture, new TargetEndpoint
        {
            Address = fixture.Target.Address,
            CertificateFile = certificates.ClientCertificateFile,
            KeyFile = certificates.ClientKeyFile,
            CaFile = certificates.CaFile,
        });
    }

    private static async Task RunAsync(TargetFixture fixture, TargetEndpoint endpoint)
    {
        using var limit = new CancellationTokenSource(TargetFixture.Limit);
        await using var session = new P4RuntimeSession(new P4RuntimeSessionOptions { Endpoint = endpoint }, NullLogger.Instance);
        session.Start();
        await session.WaitForPrimaryAsync(limit.Token);
        Assert.Equal("P4RUNTIME_VER", await session.GetApiVersionAsync(limit.Token));

        var pipeline = Pipeline.FromP4Info(P4Info.Parser.ParseFrom(File.ReadAllBytes(Artifacts + ".p4info.bin")));
        await using var ports = new GnmiClient(endpoint);
        await ports.AddPortAsync("TAP0", [new("port-type", "TAP")], limit.Token);
        var check = await session.EnsurePipelineAsync(pipeline, DeviceConfig(), Cookie, canReplace: true, beforePush: null, limit.Token);
        Assert.True(check.Pushed);
        check = await session.EnsurePipelineAsync(pipeline, DeviceConfig(), Cookie, canReplace: true, beforePush: null, limit.Token);
        Assert.False(check.Pushed);
        Assert.Equal(1, fixture.Target.Pushes);

        var table = pipeline.Table("pods");
        var row = table.NewEntry().Exact("dst_ip", 0x0a010203).Action("to_pod").Param("port", 1).Param("src_mac", 2)
            .Param("dst_mac", 3).Build();
        var written = await session.WriteAsync(new EntryUpdate[] { new(UpdateKind.Insert, row) }, limit.Token);
        Assert.True(written.AllOk, written.Message);
        var read = new List<Entry>();
        await foreach (var entry in session.ReadTableAsync(table, limit.Token))
        {
            read.Add(entry);
        }

        Assert.Equal(row.ToString(), Assert.Single(read).ToString());
        Assert.Equal(["INSERT k8s_dp_control.pods"], fixture.Target.Updates.Select(u => u.ToString()));

        // P4 and target names are equal, so the shipped pipeline's rows can be deleted.
        var deleted = await session.WriteAsync(new EntryUpdate[] { new(UpdateKind.Delete, row) }, limit.Token);
        Assert.True(deleted.AllOk, deleted.Message);
        Assert.Empty(fixture.Target.Rows["k8s_dp_control.pods"]);
    }

    private static byte[] DeviceConfig()
    {
        ByteString Part(string suffix) => ByteString.CopyFrom(File.ReadAllBytes(Artifacts + suffix));
        return new PipelineConfig
        {
            P4Name = "k8s_dp",
            BfruntimeInfo = Part(".bfrt.json"),
            Profiles = { new Profile { ProfileName = "pipe", Context = Part(".context.json"), Binary = Part(".spec") } },
        }.ToByteArray();
    }
}
