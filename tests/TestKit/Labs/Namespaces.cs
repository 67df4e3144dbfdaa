using System.Security.Cryptography;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Labs;

/// <summary>Network namespaces of one test with a unique prefix, deleted at the end of the test.</summary>
public sealed class Namespaces : IAsyncDisposable
{
    private readonly List<string> _all = [];

    public string Prefix { get; } = $"al{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";

    /// <returns>Its full name.</returns>
    public async Task<string> AddAsync(string name)
    {
        var full = $"{Prefix}-{name}";
        await Shell.RunAsync(null, "ip", ["netns", "add", full]).Succeeded();
        _all.Add(full);
        await Shell.RunAsync(full, "ip", ["link", "set", "lo", "up"]).Succeeded();
        return full;
    }

    public async Task RemoveAsync(string full)
    {
        await Shell.RunAsync(null, "ip", ["netns", "del", full]);
        _all.Remove(full);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _all.ToArray().Reverse())
        {
            await RemoveAsync(name);
        }
    }
}
