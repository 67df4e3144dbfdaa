using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>
/// Policy changes between two states while processes are killed and the API server fails, and pods send all the while. What neither state
/// allows never arrives, what only one of them allows does not arrive in the other, and what both allow comes back.
/// </summary>
public sealed class PolicyCrashTests(ITestOutputHelper output)
{
    private static readonly int Rounds = RunSettings.Number("ACCOFFLOAD_TEST_POLICY_ROUNDS", 6);

    [Theory]
    [InlineData(PolicyForm.Rule)]
    [InlineData(PolicyForm.Labels)]
    [InlineData(PolicyForm.Objects)]
    public async Task What_no_state_allows_never_arrives_whatever_is_killed(PolicyForm form)
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 6, separateTarget: true);
        await using var rounds = await PolicyRounds.StartAsync(node, form, RunSettings.Seed);
        for (var i = 0; i < Rounds; i++)
        {
            await rounds.KillAsync();
            await rounds.ChangeAsync((PolicyFault)(i % Enum.GetValues<PolicyFault>().Length));
        }

        output.WriteLine($"crash policies by {form}, seed {RunSettings.Seed}: {rounds}");
    }
}
