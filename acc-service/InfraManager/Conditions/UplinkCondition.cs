using System.Globalization;
using ACCOffload.InfraManager.Uplink;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the ACC's kernel resolves the neighbours on the node network, above all the gateways of the routes.</summary>
internal static class UplinkCondition
{
    /// <param name="watch">The exception interface; null if none is configured.</param>
    public static Condition Of(UplinkWatch? watch)
    {
        if (watch is null)
        {
            return Condition.Met(ConditionNames.Uplink, "not configured (Node:Uplink:Addresses)");
        }

        return watch.Problem is { Length: > 0 } problem
            ? Condition.Unmet(ConditionNames.Uplink, problem)
            : Condition.Met(
                ConditionNames.Uplink, string.Create(CultureInfo.InvariantCulture, $"neighbours resolved: {watch.ResolvedCount}"));
    }
}
