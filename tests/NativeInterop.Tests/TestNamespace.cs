using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>A namespace of the test's own, gone with everything in it when disposed.</summary>
internal sealed class TestNamespace : IDisposable
{
    public TestNamespace()
    {
        Name = $"acct-{Guid.NewGuid():N}";
        Ns = NetNamespace.CreateNamed(Name);
        Route = RouteNetlink.Open(Ns);
    }

    public string Name { get; }

    public NetNamespace Ns { get; }

    public RouteNetlink Route { get; }

    public void WaitUntilRunning(string link)
    {
        using var monitor = LinkMonitor.Open(Ns);
        Wait.For(monitor.Handle, () =>
        {
            while (monitor.TryRead(out _))
            {
            }
            return Route.GetLink(link)?.IsRunning == true;
        }, $"{link} to be running");
    }

    public void Dispose()
    {
        Route.Dispose();
        Ns.Dispose();
        NetNamespace.DeleteNamed(Name);
    }
}
