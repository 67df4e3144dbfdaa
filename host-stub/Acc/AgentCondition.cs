namespace ACCOffload.HostStub.Acc;

/// <summary>One thing that has to hold for packets to pass, on the host or on the ACC.</summary>
/// <param name="Name">Such as Store, Ports, Certificates.</param>
/// <param name="Ok">Whether it holds.</param>
/// <param name="Reason">One line: why it does not hold, or a remark on one that does.</param>
/// <param name="PreventsAdds">Every ADD fails until it holds again; false while it holds.</param>
internal sealed record AgentCondition(string Name, bool Ok, string Reason, bool PreventsAdds)
{
    public static AgentCondition Of(string name, string problem, bool preventsAdds = false) =>
        new(name, problem.Length == 0, problem, problem.Length > 0 && preventsAdds);
}
