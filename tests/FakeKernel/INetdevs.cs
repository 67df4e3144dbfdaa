using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.FakeKernel;

/// <summary>Creates the netdevs of the simulated functions.</summary>
public interface INetdevs : IDisposable
{
    /// <summary>Creates a link in the host's namespace.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mac">Its address.</param>
    /// <param name="sysfsPath">The function's sysfs directory, whose "net" shows the link while it is in the host's namespace.</param>
    /// <returns>Its index.</returns>
    int Create(string name, MacAddress mac, string sysfsPath);

    /// <summary>Removes the link of a function, in any namespace and under any name.</summary>
    void Delete(string sysfsPath);

    /// <summary>Updates sysfs.</summary>
    void Refresh();
}
