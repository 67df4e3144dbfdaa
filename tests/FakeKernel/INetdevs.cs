using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.FakeKernel;

/// <summary>Creates the netdevs of the simulated functions.</summary>
public interface INetdevs : IDisposable
{
    /// <summary>Creates a link in the host's namespace.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mac">Its address.</param>
    /// <param name="place">The function's sysfs directory, whose "net" shows the link while it is in the host's namespace.</param>
    /// <returns>Its index.</returns>
    int Create(string name, MacAddress mac, string place);

    /// <summary>Removes the link of a function, in whatever namespace and under whatever name.</summary>
    void Delete(string place);

    /// <summary>Updates sysfs.</summary>
    void Refresh();
}
