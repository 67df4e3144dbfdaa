using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// runtimeConfig.bandwidth: limits on what a pod receives (ingress) and sends (egress). Rates in bits per second, bursts in bits; 0 for no
/// limit.
/// </summary>
internal sealed record CniBandwidth(ulong IngressRate, ulong IngressBurst, ulong EgressRate, ulong EgressBurst)
{
    public const string Field = "runtimeConfig.bandwidth";

    private const string Prefix = Field + ".";

    /// <summary>An Ethernet header and a VLAN tag.</summary>
    private const int FrameOverhead = 18;

    /// <summary>
    /// Reads the limits with the checks of the reference bandwidth plugin and a minimum rate of 8 bits per second; null when nothing is
    /// limited.
    /// </summary>
    /// <exception cref="CniException">Error 6 or 7, with the field.</exception>
    public static CniBandwidth? Read(JsonElement runtimeConfig)
    {
        if (CniJson.Object(runtimeConfig, "bandwidth", "runtimeConfig.") is not { } given)
        {
            return null;
        }

        var bandwidth = new CniBandwidth(
            Number(given, "ingressRate"), Number(given, "ingressBurst"), Number(given, "egressRate"), Number(given, "egressBurst"));
        Check("ingress", bandwidth.IngressRate, bandwidth.IngressBurst);
        Check("egress", bandwidth.EgressRate, bandwidth.EgressBurst);
        return bandwidth is { IngressRate: 0, EgressRate: 0 } ? null : bandwidth;
    }

    /// <summary>Checks that a packet fits into each burst: a larger one would never pass.</summary>
    /// <exception cref="CniException">Error 7, with the field.</exception>
    public void CheckBursts(int mtu)
    {
        var min = 8 * (ulong)(mtu + FrameOverhead);
        if (IngressRate > 0 && IngressBurst < min)
        {
            throw Invalid("ingressBurst", $"{IngressBurst} bits are less than one packet of MTU {mtu}, which is {min} bits");
        }

        if (EgressRate > 0 && EgressBurst < min)
        {
            throw Invalid("egressBurst", $"{EgressBurst} bits are less than one packet of MTU {mtu}, which is {min} bits");
        }
    }

    private static ulong Number(JsonElement given, string key)
    {
        if (CniJson.Optional(given, key) is not { } value)
        {
            return 0;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var number)
            ? number
            : throw CniJson.Wrong(Prefix + key, "a non-negative integer");
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
            throw Invalid(direction + "Rate", $"{rate} bits per second is less than one byte per second");
        }

        if (burst / 8 >= uint.MaxValue)
        {
            throw Invalid(direction + "Burst", $"{burst} bits are more than 4 GB");
        }
    }

    private static CniException Invalid(string key, string reason) =>
        new(CniErrorCode.InvalidNetworkConfig, $"{Prefix}{key} is not valid in the network configuration", reason);
}
