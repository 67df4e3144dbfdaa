using System.Globalization;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Claims;

/// <summary>
/// What a link of the host was before a pod got it, to be made so again. It is kept with the claim and not at the link, where the pod could change it.
/// </summary>
/// <param name="Name">Its name in the host's namespace.</param>
/// <param name="Mtu">In bytes; 0: whatever it has.</param>
/// <param name="Mac">Its Ethernet address; zero: whatever it has.</param>
internal sealed record LinkOrigin(string Name, int Mtu, MacAddress Mac)
{
    /// <summary>As the database has it: no name of a link has a slash.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}/{Mtu}/{Mac}");

    public static LinkOrigin? Parse(string text) =>
        text.Split('/') is [{ Length: > 0 } name, var mtu, var mac]
        && int.TryParse(mtu, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && MacAddress.TryParse(mac, out var address)
            ? new LinkOrigin(name, bytes, address)
            : null;
}
