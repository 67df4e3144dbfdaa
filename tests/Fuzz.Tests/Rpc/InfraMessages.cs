using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.Protos.Infra;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>Generates requests of a 24.01 agent, with few names and addresses.</summary>
internal static class InfraMessages
{
    public static CreateNetworkRequest Create(Dice dice, bool odd)
    {
        var n = dice.Below(12);
        var request = new CreateNetworkRequest
        {
            AddRequest = new AddRequest
            {
                InterfaceName = "eth0",
                Netns = $"/var/run/netns/cni-{n}",
                DesiredHostInterfaceName = $"tap{n}",
                ContainerIps = { new IPConfig { Address = $"10.244.1.{Near(dice, n)}{dice.Pick("", "/32", "/24")}" } },
                Workload = dice.OneIn(4) ? null : new WorkloadIDs { Namespace = "default", Pod = $"web-{n}" },
            },
            HostIfName = $"tap{Near(dice, n)}",
            MacAddr = $"02:00:00:00:00:{Near(dice, n) + 1:x2}",
        };
        if (odd && dice.OneIn(2))
        {
            MakeOdd(dice, request);
        }

        return request;
    }

    public static DeleteNetworkRequest Delete(Dice dice, bool odd)
    {
        var n = dice.Below(12);
        var request = new DeleteNetworkRequest
        {
            DelRequest = dice.OneIn(2) ? null : new DelRequest { InterfaceName = "eth0", Netns = $"/var/run/netns/cni-{n}" },
            Ipv4Addr = dice.OneIn(6) ? "" : $"10.244.1.{n}{dice.Pick("", "/32")}",
        };
        if (odd && dice.OneIn(3))
        {
            request.Ipv4Addr = OddAddress(dice);
        }

        if (odd && dice.OneIn(4) && request.DelRequest is { } del)
        {
            del.Netns = dice.OddText();
        }

        if (odd && dice.OneIn(8) && request.DelRequest is { } named)
        {
            named.InterfaceName = dice.OddText();
        }

        return request;
    }

    public static SetupHostInterfaceRequest Host(Dice dice, bool odd)
    {
        var request = new SetupHostInterfaceRequest
        {
            IfName = dice.OneIn(6) ? "tap3" : "tap99",
            Ipv4Addr = dice.Pick("200.1.1.2/32", "200.1.1.2", "192.0.2.10/24"),
            MacAddr = $"02:00:00:00:00:{dice.Pick(99, 3):x2}"
        };
        if (odd && dice.OneIn(3))
        {
            request.Ipv4Addr = OddAddress(dice);
        }

        if (odd && dice.OneIn(6))
        {
            request.MacAddr = OddMac(dice);
        }

        if (odd && dice.OneIn(6))
        {
            request.IfName = dice.OddText();
        }

        return request;
    }

    private static int Near(Dice dice, int n) => dice.OneIn(5) ? dice.Below(14) : n;

    private static void MakeOdd(Dice dice, CreateNetworkRequest request)
    {
        var add = request.AddRequest;
        switch (dice.Below(9))
        {
            case 0:
                request.AddRequest = null;
                break;
            case 1:
                add.Netns = dice.OddText();
                break;
            case 2:
                add.InterfaceName = dice.OddText();
                break;
            case 3:
                add.ContainerIps[0].Address = OddAddress(dice);
                break;
            case 4:
                for (var i = dice.Pick(0, 1, 15, 16, 300); i > 0; i--)
                {
                    add.ContainerIps.Add(new IPConfig { Address = dice.OneIn(3) ? OddAddress(dice) : $"10.244.1.{i & 15}" });
                }

                break;
            case 5:
                add.ContainerIps.Clear();
                break;
            case 6:
                request.HostIfName = dice.OddText();
                break;
            case 7:
                request.MacAddr = OddMac(dice);
                break;
            default:
                add.Workload = new WorkloadIDs { Namespace = dice.OddText(), Pod = dice.OddText() };
                break;
        }
    }

    private static string OddAddress(Dice dice) => dice.Below(4) switch
    {
        0 => dice.OddText(),
        1 => $"10.244.1.2/{dice.Pick("0", "8", "32", "33", "99", "128", "129", "-1", "+8", "08", " 8", "", "x", "24/24", "99999999999999999999")}",
        2 => dice.Pick("10.244.1", "0x0a.244.1.2", "010.244.1.2", "1", "10.244.1.2.3", "10.244.1.256", " 10.244.1.2", "10.244.1.2%eth0",
            "::ffff:10.244.1.2", "fe80::1%1", "fe80::1/64", "::/0", "١٠.244.1.2"),
        _ => $"{dice.Below(256)}.{dice.Below(256)}.{dice.Below(256)}.{dice.Below(256)}",
    };

    private static string OddMac(Dice dice) => dice.Pick(
        "", "02:00", "00:00:00:00:00:00", "01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "02-00-00-00-00-05", "02:00-00:00-00:05",
        "0200.0000.0005", "02:AC:C0:00:00:01", "02:00:00:00:00:0g", "02:00:00:00:00:05 ", dice.OddText());
}
