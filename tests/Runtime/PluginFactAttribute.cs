using ACCOffload.Integration;

namespace ACCOffload.Runtime.Tests;

/// <summary>As <see cref="RootFactAttribute"/>, with Debian's plugins of these names chained; portmap and firewall call iptables.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PluginFactAttribute : FactAttribute
{
    public PluginFactAttribute(params string[] plugins) => Skip = new RootFactAttribute().Skip ?? MissingOf(plugins);

    private static string? MissingOf(string[] plugins)
    {
        if (plugins.FirstOrDefault(p => !File.Exists($"/usr/lib/cni/{p}")) is { } missing)
        {
            return $"needs {missing} in /usr/lib/cni (containernetworking-plugins)";
        }

        return plugins.Any(p => p is "portmap" or "firewall") && !File.Exists("/usr/sbin/iptables") ? "needs iptables" : null;
    }
}
