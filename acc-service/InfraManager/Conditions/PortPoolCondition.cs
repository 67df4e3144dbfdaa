using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>What the pool of Target:Ports means for attachments.</summary>
internal static class PortPoolCondition
{
    /// <summary>Why no attachment can be made on this target; null while one can.</summary>
    /// <param name="traits">Of the target.</param>
    /// <param name="ports">Target:Ports.</param>
    public static Condition? Of(TargetTraits traits, TargetPorts ports) => traits.TakesPorts || ports.Names.Count > 0
        ? null
        : Condition.Blocking(ConditionNames.Ports, $"{traits.Name} takes no port at run time, and Target:Ports is empty: name the ports that are made before the pipeline is pushed, 1, 2, 4, 8, … of them");

    /// <summary>A line for the operator when every port of the pool is in use; otherwise empty.</summary>
    /// <param name="core">Holds the endpoints.</param>
    /// <param name="rules">Name the ports that are lent.</param>
    public static string NoticeOf(IProgrammer core, DeviceRules rules) => rules.Pool.Count > 0 && !rules.FreePorts(core.Endpoints.Select(e => e.Endpoint.Spec)).Any()
        ? $"all {rules.Pool.Count} ports of Target:Ports are in use: the next attachment is refused"
        : "";
}
