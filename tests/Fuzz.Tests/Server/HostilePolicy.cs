using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>
/// Policy messages of an agent, large and varied. What they say is kept, as it should be: few names and addresses keep that small beside
/// the growth that a run looks for.
/// </summary>
internal static class HostilePolicy
{
    private const int MaxMembers = 1000;

    private static readonly Marshaller<byte[]> Raw = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);

    public static (Method<byte[], byte[]> Method, byte[] Request) Of(Dice dice)
    {
        var (name, message) = dice.Below(5) switch
        {
            0 => ("UpdateIPSet", Members(new ProtoWriter().Text(1, SetId(dice)), 2, dice).Number(3, (ulong)dice.Below(4))),
            1 => ("UpdateIPSetDelta", Members(Members(new ProtoWriter().Text(1, SetId(dice)), 2, dice), 3, dice)),
            2 => ("ActivePolicyUpdate", Policy(dice)),
            3 => ("UpdateLocalEndpoint", Endpoint(dice)),
            // Fields that nobody knows, each another one.
            _ => (dice.Pick("UpdateRoute", "RemoveIPSet", "UpdateHostEndpoint"), Unknown(dice.Pick(1, 100, 100_000))),
        };
        return (new Method<byte[], byte[]>(MethodType.Unary, "infra.InfraAgent", name, Raw, Raw), message.Written.ToArray());
    }

    private static string SetId(Dice dice) => $"s:{dice.Below(4)}";

    private static ProtoWriter Members(ProtoWriter set, int field, Dice dice)
    {
        for (var n = dice.Pick(0, 1, MaxMembers); n > 0; n--)
        {
            set.Text(field, dice.OneIn(1000) ? "x" : $"10.0.{n >> 8}.{n & 255}/{dice.Pick(32, 32, 24)}");
        }

        return set;
    }

    private static ProtoWriter Policy(Dice dice)
    {
        var rules = new ProtoWriter();
        for (var n = dice.Pick(0, 1, 200); n > 0; n--)
        {
            rules.Message(dice.Between(1, 2), new ProtoWriter().Text(1, dice.Pick("allow", "deny", "pass", "log", "", "?"))
                .Text(dice.Pick(10, 11, 109), SetId(dice)).Text(dice.Pick(4, 103), $"10.0.{dice.Below(256)}.0/24"));
        }

        return new ProtoWriter().Message(1, Id(dice)).Message(2, rules);
    }

    private static ProtoWriter Endpoint(Dice dice)
    {
        var tier = new ProtoWriter().Text(1, "default").Text(4, dice.Pick("Pass", "Deny"));
        for (var n = dice.Pick(0, 1, 400); n > 0; n--)
        {
            tier.Message(dice.Between(2, 3), Id(dice));
        }

        return new ProtoWriter()
            .Message(1, new ProtoWriter().Text(2, "k8s").Text(3, $"prod/pod-{dice.Below(8)}").Text(4, "eth0"))
            .Message(5, new ProtoWriter().Text(1, "active").Text(5, $"10.244.1.{dice.Below(16)}/32").Message(7, tier));
    }

    private static ProtoWriter Id(Dice dice) => new ProtoWriter().Text(2, $"default.p{dice.Below(8)}").Text(4, "GlobalNetworkPolicy");

    private static ProtoWriter Unknown(int fields)
    {
        var message = new ProtoWriter();
        for (var i = 0; i < fields; i++)
        {
            message.Number(1000 + i, 1);
        }

        return message;
    }
}
