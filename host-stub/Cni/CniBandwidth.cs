using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>runtimeConfig.bandwidth: how much a pod may receive (ingress) and send (egress). Rates in bits per second and bursts in bits; 0 for no limit.</summary>
internal sealed record CniBandwidth(ulong IngressRate, ulong IngressBurst, ulong EgressRate, ulong EgressBurst)
{
    public const string Field = "runtimeConfig.bandwidth";

    private const string Where = Field + ".";

    /// <summary>An Ethernet header and a VLAN tag.</summary>
    private const int FrameOverhead = 18;

    /// <summary>Reads what the reference bandwidth plugin takes, and refuses what it refuses; null where nothing is limited.</summary>
    /// <exception cref="CniException">Errors 6 and 7, with the field.</exception>
    public static CniBandwidth? Read(JsonElement runtimeConfig)
    {
        if (CniJson.Object(runtimeConfig, "bandwidth", "runtimeConfig.") is not { } given)
        {
            return null;
        }

        var bandwidth = new CniBandwidth(Number(given, "ingressRate"), Number(given, "ingressBurst"), Number(given, "egressRate"), Number(given, "egressBurst"));
        Check("ingress", bandwidth.IngressRate, bandwidth.IngressBurst);
        Check("egress", bandwidth.EgressRate, bandwidth.EgressBurst);
        return bandwidth is { IngressRate: 0, EgressRate: 0 } ? null : bandwidth;
    }

    /// <summary>A packet larger than the burst would never pass.</summary>
    /// <exception cref="CniException">Error 7, with the field.</exception>
    public void CheckBursts(int mtu)
    {
        var least = 8 * (ulong)(mtu + FrameOverhead);
        if (IngressRate > 0 && IngressBurst < least)
        {
            throw Invalid("ingressBurst", $"{IngressBurst} bits are less than one packet of MTU {mtu}, which is {least} bits");
        }

        if (EgressRate > 0 && EgressBurst < least)
        {
            throw Invalid("egressBurst", $"{EgressBurst} bits are less than one packet of MTU {mtu}, which is {least} bits");
        }
    }

    private static ulong Number(JsonElement given, string key)
    {
        if (CniJson.Optional(given, key) is not { } value)
        {
            return 0;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var number) ? number : throw CniJson.Wrong(Where + key, "an integer from 0 on");
    }

    private static void Check(string direction, ulong rate, ulong burst)
    {
        if (rate > 0 && burst == 0)
        {
            throw Invalid(direction + "Burst", $"is missing, though {direction}Rate is set");
        }

        if (rate == 0 && burst > 0)
        {
            throw Invalid(direction + "Rate", $"is missing, though {direction}Burst is set");
        }

        if (rate is > 0 and < 8)
        {
            throw Invalid(direction + "Rate", $"{rate} bits per second are less than one byte");
        }

        if (burst / 8 >= uint.MaxValue)
        {
            throw Invalid(direction + "Burst", $"{burst} bits are more than 4 GB");
        }
    }

    private static CniException Invalid(string key, string reason) =>
        new(CniErrorCode.InvalidNetworkConfig, $"{Where}{key} is not valid in the network configuration", reason);
}
