using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>
/// ctl against a real programmer with policy. Namespace <c>shop</c> has <c>pod-1</c> (app=web, port http 8080) and <c>pod-2</c>
/// (app=client) on this node, and <c>pod-3</c> (app=client) on node-2. <c>web</c> lets only app=client in, to TCP http and 9000-9010.
/// </summary>
internal sealed class PolicyCtl : IAsyncDisposable
{
    private PolicyCtl(CoreHarness core, ApiFixture api)
    {
        (Core, Api) = (core, api);
        api.Target.Pipeline = core.Target.Pipeline;
    }

    public CoreHarness Core { get; }

    public ApiFixture Api { get; }

    public static NetworkPolicyRecord Web { get; } = new(
        "shop", "web", Selector("web"),
        [
            new NetworkPolicyRule(
                [new PolicyPeer { Pods = Selector("client") }],
                [new PolicyPort(IpProtocol.Tcp, null, null, "http"), new PolicyPort(IpProtocol.Tcp, 9000, 9010)]),
        ],
        [], ["Ingress"]);

    public static async Task<PolicyCtl> StartAsync(Func<ProgrammerOptions, ProgrammerOptions>? options = null, bool isSynced = true)
    {
        var core = await CoreHarness.StartAsync(options: o => (options ?? (x => x))(o with { WatchesPolicy = true }));
        var policy = new PolicyCtl(core, await ApiFixture.StartAsync(core: core.Programmer));
        if (isSynced)
        {
            await policy.SetAsync(new NamespaceRecord("shop", LabelSet.Of([new("team", "shop")])), Pod(1, "web"), Pod(2, "client"),
                Pod(3, "client", "node-2"));
            await core.Programmer.SubmitAsync(new PolicyIntent([]) { IsSynced = true }, default);
        }

        await core.AttachAsync(TestNode.Pod(1, 1) with { PodNamespace = "shop", PodUid = "uid-1" });
        await core.AttachAsync(TestNode.Pod(2, 2) with { PodNamespace = "shop", PodUid = "uid-2" });
        return policy;
    }

    public static PodRecord Pod(int number, string app, string node = "node-1") => new(
        "shop", $"pod-{number}", LabelSet.Of([new("app", app)]), [PolicyAddress.Of(TestNode.Ip(number))],
        app == "web" ? [new ContainerPort("http", IpProtocol.Tcp, 8080)] : [])
    {
        Uid = $"uid-{number}",
        Node = node,
    };

    public static LabelSelector Selector(string app) => new([new LabelRequirement("app", LabelOperator.In, [app])]);

    public async Task SetAsync(params PolicyObject[] objects)
    {
        await Core.Programmer.SubmitAsync(new PolicyIntent([.. objects.Select(o => (o.ObjectKey, (PolicyObject?)o))]), default);
        CopyRows();
    }

    /// <summary>What ctl reads back from the target is what the programmer wrote.</summary>
    public void CopyRows()
    {
        Api.Target.Entries.Clear();
        Api.Target.Entries.AddRange(Core.Target.Rows);
    }

    public async Task<string> RunAsync(params string[] arguments)
    {
        var (code, output, error) = await TryAsync(arguments);
        Assert.True(code == 0, error + output);
        return output;
    }

    public async Task<string> FailAsync(int expected, params string[] arguments)
    {
        var (code, output, error) = await TryAsync(arguments);
        Assert.True(code == expected, $"exit code {code}: {error}{output}");
        return (error + output).Trim();
    }

    public async ValueTask DisposeAsync()
    {
        await Api.DisposeAsync();
        await Core.DisposeAsync();
    }

    private async Task<(int Code, string Output, string Error)> TryAsync(string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", Api.ControlSocket, .. arguments], output, error);
        return (code, output.ToString(), error.ToString());
    }
}
