using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>One lab for the tests of a class, which run sequentially; created on first use.</summary>
public sealed class SharedLab : IAsyncDisposable
{
    private Lab? _lab;

    internal async Task<CniRuntime> RuntimeAsync() => new(_lab ??= await Lab.StartAsync());

    public async ValueTask DisposeAsync()
    {
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
    }
}
