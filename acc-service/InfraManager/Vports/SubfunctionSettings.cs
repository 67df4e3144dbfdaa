using System.Globalization;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.InfraManager.Vports;

/// <summary>A subfunction for the ACC itself.</summary>
/// <param name="Device">The devlink device that creates it.</param>
/// <param name="PfNumber">The number of its physical function.</param>
/// <param name="SfNumber">Its number, which identifies it.</param>
/// <param name="Mac">Its MAC address; null for the driver's choice.</param>
/// <param name="Queues">Number of queue pairs; 0 for the driver's default.</param>
internal sealed record SubfunctionSettings(DevlinkHandle Device, ushort PfNumber, uint SfNumber, MacAddress? Mac, int Queues)
{
    public const string Remedy =
        "use the form: pci/0000:01:00.0 pf 0 sf 4 mac 00:09:00:00:03:14 queues 4 (pf, mac and queues are optional)";

    private const int MaxQueues = 1024;

    /// <summary>Parses the settings. Returns null, or why the text is not valid.</summary>
    public static string? Parse(string text, out SubfunctionSettings settings)
    {
        settings = null!;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || !DevlinkHandle.TryParse(words[0], out var device))
        {
            return "does not start with a devlink device";
        }

        if (words.Length % 2 == 0)
        {
            return $"has no value for '{words[^1]}'";
        }

        ushort pf = 0;
        uint? sf = null;
        MacAddress? mac = null;
        var queues = 0;
        for (var i = 1; i < words.Length; i += 2)
        {
            var value = words[i + 1];
            bool isValid;
            switch (words[i])
            {
                case "pf":
                    isValid = ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out pf);
                    break;
                case "sf":
                    isValid = uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
                    sf = number;
                    break;
                case "mac":
                    isValid = MacAddress.TryParse(value, out var address) && !address.IsMulticast && !address.IsZero;
                    mac = address;
                    break;
                case "queues":
                    isValid =
                        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out queues) && queues is > 0 and <= MaxQueues;
                    break;
                default:
                    return $"has the unknown option '{words[i]}' (known: pf, sf, mac, queues)";
            }

            if (!isValid)
            {
                return $"has an invalid value '{value}' for '{words[i]}'";
            }
        }

        if (sf is not { } found)
        {
            return "has no subfunction number (sf)";
        }

        settings = new SubfunctionSettings(device, pf, found, mac, queues);
        return null;
    }

    public override string ToString() => $"{Device} pf {PfNumber} sf {SfNumber} mac {Mac} queues {Queues}";
}

/// <summary>A link of the ACC itself, for display.</summary>
/// <param name="Name">The link's name.</param>
/// <param name="Mac">Null if the driver chooses it.</param>
/// <param name="Use">What the link is used for.</param>
internal sealed record OwnVport(string Name, MacAddress? Mac, string Use)
{
    public const string Subfunction = "subfunction", Arp = "arp";

    /// <param name="subfunctions">The configured subfunctions by link name.</param>
    /// <param name="arpInterface">The link that answers ARP; null if there is none.</param>
    /// <param name="gatewayMac">The MAC address of the link that answers ARP.</param>
    public static IReadOnlyList<OwnVport> Of(
        IReadOnlyDictionary<string, SubfunctionSettings> subfunctions, string? arpInterface, MacAddress gatewayMac)
    {
        var own = subfunctions.Where(s => s.Key != arpInterface).OrderBy(s => s.Key, StringComparer.Ordinal)
            .Select(s => new OwnVport(s.Key, s.Value.Mac, Subfunction)).ToList();
        if (arpInterface is not null)
        {
            own.Add(new OwnVport(arpInterface, gatewayMac, Arp));
        }

        return own;
    }
}
