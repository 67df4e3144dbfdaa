using ACCOffload.Services.Tests.Kernel;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>
/// One node of each kind for all scenarios, created on first use. Tracked flows remain between scenarios, so each uses its own
/// addresses and ports.
/// </summary>
public sealed class BothNodes : IAsyncDisposable
{
    private readonly Dictionary<Side, IServiceNode> _nodes = [];

    internal async Task<IServiceNode> OfAsync(Side side)
    {
        if (!_nodes.TryGetValue(side, out var node))
        {
            _nodes.Add(side, node = await StartAsync(side, pods: 7));
        }

        return node;
    }

    /// <summary>Starts a separate node for one scenario.</summary>
    internal static async Task<IServiceNode> StartAsync(Side side, int pods, int speed = 1)
    {
        if (side == Side.Kernel)
        {
            Needs.NotMissing(KernelNode.Missing);
            return await KernelNode.StartAsync(pods, speed);
        }

        Needs.Lab();
        return await ServiceNode.StartAsync(pods, speed: speed);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes.Values)
        {
            await node.DisposeAsync();
        }

        _nodes.Clear();
    }
}
