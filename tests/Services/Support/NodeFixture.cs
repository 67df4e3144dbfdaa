namespace ACCOffload.Services.Tests.Support;

/// <summary>One node for the tests of a class, made when the first asks for it.</summary>
public sealed class NodeFixture : IAsyncLifetime, IAsyncDisposable
{
    private Task<ServiceNode>? _node;

    internal Task<ServiceNode> NodeAsync() => _node ??= ServiceNode.StartAsync(pods: 5);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_node is { IsCompletedSuccessfully: true })
        {
            await _node.Result.DisposeAsync();
        }
    }

    // The one above is xunit's; this one is for the analyzer, and does no harm a second time.
    ValueTask IAsyncDisposable.DisposeAsync() => ValueTask.CompletedTask;
}
