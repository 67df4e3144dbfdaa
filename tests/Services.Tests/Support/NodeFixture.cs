namespace ACCOffload.Services.Tests.Support;

/// <summary>One node for the tests of a class, created on first use.</summary>
public sealed class NodeFixture : IAsyncDisposable
{
    private Task<ServiceNode>? _node;

    internal Task<ServiceNode> NodeAsync() => _node ??= ServiceNode.StartAsync(pods: 5);

    public async ValueTask DisposeAsync()
    {
        if (_node is { IsCompletedSuccessfully: true })
        {
            await _node.Result.DisposeAsync();
        }
    }
}
