using ConditionMessage = ACCOffload.Protos.V1.Condition;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>One thing that has to hold for packets to pass.</summary>
/// <param name="Name">One of <see cref="ConditionNames"/>.</param>
/// <param name="Ok">Whether it holds.</param>
/// <param name="Reason">One line: why it does not hold, or a remark on one that does.</param>
/// <param name="PreventsAdds">Every ADD fails until it holds again; false while it holds.</param>
internal sealed record Condition(string Name, bool Ok, string Reason, bool PreventsAdds)
{
    /// <summary>It holds.</summary>
    public static Condition Met(string name, string remark = "") => new(name, true, remark, false);

    /// <summary>It does not hold, and attachments can still be made.</summary>
    public static Condition Unmet(string name, string reason) => new(name, false, reason, false);

    /// <summary>It does not hold, and no attachment can be made until it does.</summary>
    public static Condition Blocking(string name, string reason) => new(name, false, reason, true);

    /// <summary>As a message of accoffload.v1.</summary>
    public ConditionMessage ToProto() => new() { Name = Name, Ok = Ok, Reason = Reason, PreventsAdds = PreventsAdds };
}
