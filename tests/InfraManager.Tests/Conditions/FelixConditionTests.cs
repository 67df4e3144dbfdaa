using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Policy.Felix;

namespace ACCOffload.InfraManager.Tests.Conditions;

/// <summary>What operators read about Felix: never "ready" while pods are closed for want of it, or its policy is not current.</summary>
public class FelixConditionTests
{
    [Theory]
    [InlineData(FelixState.NoFelix, false, 0, "no Felix is connected to /run/felix.sock; traffic of pods is dropped until Felix has sent its policy")]
    [InlineData(FelixState.NotInSync, false, 3, "Felix is not in sync; traffic of pods is dropped until Felix has sent its policy")]
    [InlineData(FelixState.NoFelix, true, 0, "no Felix is connected to /run/felix.sock; the last policy stays in force")]
    [InlineData(FelixState.NotInSync, true, 0, "Felix is not in sync; the last policy stays in force")]
    [InlineData(FelixState.Behind, true, 0, "Felix is behind by 7 s; the last policy stays in force")]
    [InlineData(FelixState.InSync, true, 2, "Felix does not know 2 of this node's pods by name and addresses; their traffic is dropped")]
    [InlineData(FelixState.NoFelix, true, 1, "no Felix is connected to /run/felix.sock; Felix does not know 1 of this node's pods by name and addresses; their traffic is dropped")]
    public void Policy_is_unmet_for_want_of_Felix(object state, bool isSynced, int pending, string reason)
    {
        var condition = FelixCondition.Of(Status(isSynced, pending), Felix((FelixState)state), isBehindAgent: false);
        Assert.Equal((ConditionNames.Policy, false, reason), (condition.Name, condition.Ok, condition.Reason));
    }

    [Fact]
    public void Policy_is_met_when_all_that_Felix_has_sent_is_in_force()
    {
        var condition = FelixCondition.Of(Status(isSynced: true, pending: 0), Felix(FelixState.InSync), isBehindAgent: false);
        Assert.Equal((true, ""), (condition.Ok, condition.Reason));
    }

    [Fact]
    public void Rows_that_the_target_refuses_are_said_first()
    {
        var condition = FelixCondition.Of(
            Status(isSynced: true, pending: 4) with { IsFenced = true }, Felix(FelixState.InSync), isBehindAgent: false);
        Assert.Equal(
            "the target's rows of network policy differ from the policies; traffic of 4 isolated pods is dropped", condition.Reason);
    }

    // Rows that the target does not have are this side's.
    [Theory]
    [InlineData(FelixState.NoFelix, false, false, true)]
    [InlineData(FelixState.NotInSync, false, false, true)]
    [InlineData(FelixState.NoFelix, true, false, true)]
    [InlineData(FelixState.InSync, true, false, true)]
    [InlineData(FelixState.Behind, true, false, false)]
    [InlineData(FelixState.InSync, true, true, false)]
    public void Behind_an_agent_it_waits_for_the_agent(object state, bool isSynced, bool isFenced, bool awaits)
    {
        var condition = FelixCondition.Of(
            Status(isSynced, pending: 1) with { IsFenced = isFenced }, Felix((FelixState)state), isBehindAgent: true);
        Assert.Equal((false, awaits), (condition.Ok, condition.AwaitsAgent));
    }

    [Fact]
    public void What_is_not_enforced_as_written_is_a_bounded_notice()
    {
        Assert.Equal("", FelixCondition.NoticeOf(Felix(FelixState.InSync)));
        Assert.Equal(
            "1 part of Felix's policy is not enforced as written: set s1: why", FelixCondition.NoticeOf(Felix(FelixState.InSync, problems: 1)));
        Assert.Equal(
            "800 parts of Felix's policy are not enforced as written: set s1: why; set s2: why; set s3: why; set s4: why; set s5: why; "
                + "and 795 more",
            FelixCondition.NoticeOf(Felix(FelixState.InSync, problems: 800)));
    }

    private static PolicyStatus Status(bool isSynced, int pending) => new(true, true, isSynced, false, 5, 3, pending);

    private static FelixStatus Felix(FelixState state, int problems = 0) => state == FelixState.NoFelix
        ? FelixStatus.None("no Felix is connected to /run/felix.sock")
        : new FelixStatus(
            state, TimeSpan.FromSeconds(7), 3, [.. Enumerable.Range(1, problems).Select(n => new FelixProblem($"set s{n}", "why"))]);
}
