using System.Globalization;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.InfraManager.Vports;

/// <summary>A subfunction of the ACC's own.</summary>
/// <param name="Device">The device whose switch makes it.</param>
/// <param name="PfNumber">The physical function that it belongs to.</param>
/// <param name="SfNumber">Its number: by that it is found again.</param>
/// <param name="Mac">Null: as the driver gives it.</param>
/// <param name="Queues">Pairs of queues; 0: as the driver gives them.</param>
internal sealed record SubfunctionSettings(DevlinkHandle Device, ushort PfNumber, uint SfNumber, MacAddress? Mac, int Queues)
{
    public const string Shape = "give a device and what is wanted of it, such as pci/0000:01:00.0 pf 0 sf 4 mac 00:09:00:00:03:14 queues 4";

    private const int MostQueues = 1024;

    /// <summary>Null, or why the text is none.</summary>
    public static string? Parse(string text, out SubfunctionSettings settings)
    {
        settings = null!;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || !DevlinkHandle.TryParse(words[0], out var device))
        {
            return "begins with no devlink device";
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
            bool isRight;
            switch (words[i])
            {
                case "pf":
                    isRight = ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out pf);
                    break;
                case "sf":
                    isRight = uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
                    sf = number;
                    break;
                case "mac":
                    isRight = MacAddress.TryParse(value, out var address) && !address.IsMulticast && !address.IsZero;
                    mac = address;
                    break;
                case "queues":
                    isRight = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out queues) && queues is > 0 and <= MostQueues;
                    break;
                default:
                    return $"has '{words[i]}', which is none of pf, sf, mac and queues";
            }

            if (!isRight)
            {
                return $"has {words[i]} '{value}', which is none";
            }
        }

        if (sf is not { } found)
        {
            return "has no number of the subfunction (sf)";
        }

        settings = new SubfunctionSettings(device, pf, found, mac, queues);
        return null;
    }

    public override string ToString() => $"{Device} pf {PfNumber} sf {SfNumber} mac {Mac} queues {Queues}";
}

/// <summary>A link of the ACC's own, for display.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mac">Null where the driver gives it.</param>
/// <param name="Use">What it is for.</param>
internal sealed record OwnVport(string Name, MacAddress? Mac, string Use)
{
    public const string Subfunction = "subfunction", Arp = "arp";

    /// <param name="subfunctions">The configured subfunctions, by the name of their link.</param>
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
