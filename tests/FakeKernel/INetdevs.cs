using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.Fakes;

/// <summary>Makes the netdevs of the fake's functions.</summary>
public interface INetdevs : IDisposable
{
    /// <summary>Makes a link in the host's namespace.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mac">Its address.</param>
    /// <param name="place">The function's directory in sysfs, below which the link shows in "net" while it is in the host's namespace.</param>
    /// <returns>Its index.</returns>
    int Create(string name, MacAddress mac, string place);

    /// <summary>Removes the link of a function, wherever it is and whatever it is called.</summary>
    void Delete(string place);

    /// <summary>Brings sysfs up to date.</summary>
    void Refresh();
}
