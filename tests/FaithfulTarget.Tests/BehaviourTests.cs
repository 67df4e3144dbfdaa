using System.Reflection;
using ACCOffload.FaithfulTarget.Tests.Support;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>All behaviours on and all off.</summary>
public sealed class BehaviourTests
{
    [Fact]
    public void Every_behaviour_is_on_by_default()
    {
        PropertyInfo[] switches = [.. typeof(FaithfulBehaviours).GetProperties().Where(p => p.PropertyType == typeof(bool))];
        Assert.All(switches, s => Assert.True((bool)s.GetValue(new FaithfulBehaviours())!, s.Name));
        Assert.All(switches, s => Assert.False((bool)s.GetValue(FaithfulBehaviours.None)!, s.Name));
    }

    [Fact]
    public async Task Without_behaviours_the_target_accepts_what_the_real_one_refuses()
    {
        await using var fixture = await TargetFixture.StartAsync(FaithfulBehaviours.None);
        await fixture.Client.BidAsync();
        await fixture.Client.PushAsync(SmallPipeline.Config(compileCommand: ""));
        await fixture.Client.PushAsync();
        await fixture.Client.MakeTapAsync("pod1");
        Assert.Equal(1u, await fixture.Client.PortNumberAsync("pod1"));
        foreach (var table in new[] { SmallPipeline.First, SmallPipeline.Nested, SmallPipeline.Learner })
        {
            await fixture.Client.WriteAsync(Kind.Insert, SmallPipeline.Row(table, 1, 1));
            await fixture.Client.WriteAsync(Kind.Modify, SmallPipeline.Row(table, 1, 2));
            var row = Assert.Single(await fixture.Client.ReadTableAsync(table)).TableEntry;
            Assert.Equal(2, SmallPipeline.ValueOf(row));
            await fixture.Client.WriteAsync(Kind.Delete, row);
        }

        Assert.All(fixture.Target.Rows.Values, Assert.Empty);
    }
}
