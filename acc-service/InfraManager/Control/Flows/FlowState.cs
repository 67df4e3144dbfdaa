using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>
/// The state of a flow in words. An entry has no state but its timeout, which the data plane chooses by the state (docs/programming.md,
/// "States and timers").
/// </summary>
internal static class FlowState
{
    /// <summary>Empty where the timeout tells nothing.</summary>
    public static string Of(LiveFlow flow) => (flow.Protocol, (int)flow.Timeout.TotalSeconds) switch
    {
        (IpProtocol.Tcp, 43200) => "open",
        (IpProtocol.Tcp, 60) => "opening or closed",
        (IpProtocol.Tcp, 10) => "reset",
        (IpProtocol.Udp, 30) => "unanswered",
        (IpProtocol.Udp, 120) => "answered",
        _ => "",
    };
}
