namespace ACCOffload.FaithfulTarget.Tests.Support;

/// <summary>A target on its own unix socket, with one controller.</summary>
internal sealed class TargetFixture : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private TargetFixture(FaithfulServer target)
    {
        Target = target;
        Client = new RawClient(target);
    }

    public FaithfulServer Target { get; }

    public RawClient Client { get; private set; }

    public static string NewSocketPath() => Path.Combine(Path.GetTempPath(), $"faithful-{Guid.NewGuid():N}.sock");

    public static async Task<TargetFixture> StartAsync(FaithfulBehaviours? behaviours = null,
        Func<FaithfulOptions, FaithfulOptions>? change = null)
    {
        var options = new FaithfulOptions { SocketPath = NewSocketPath(), Behaviours = behaviours ?? new FaithfulBehaviours() };
        return new TargetFixture(await FaithfulServer.StartAsync(change?.Invoke(options) ?? options));
    }

    /// <summary>Starts a target with a primary controller, one port and the small pipeline.</summary>
    public static async Task<TargetFixture> StartWithPipelineAsync(FaithfulBehaviours? behaviours = null)
    {
        var fixture = await StartAsync(behaviours);
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        await fixture.Client.PushAsync();
        return fixture;
    }

    /// <summary>Reconnects the controller, as after a restart.</summary>
    public void Reconnect()
    {
        Client.Dispose();
        Client = new RawClient(Target);
    }

    public Task<string> DeathAsync() => Target.Died.WaitAsync(Limit);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Target.DisposeAsync();
    }
}
