using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.Tests.Support;
using P4.V1;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Each update takes effect on its own, so the order of updates matters.</content>
public sealed partial class FaithfulTargetTests
{
    /// <summary>Which rows refer to which, by a value that both have.</summary>
    private static readonly (string From, string To, string By)[] References =
    [
        ("services", "frontends", "frontend_id"), ("services", "buckets", "set_id"), ("buckets", "backends", "backend_id"),
        ("pods", "port_class", "port"),
        ("mac_guard", "port_class", "port"), ("source_guard", "port_class", "port"),
    ];

    [Fact]
    public async Task A_row_exists_as_long_as_other_rows_refer_to_it()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        for (var pod = 1; pod <= 3; pod++)
        {
            await LendAsync(pod);
        }

        await SetServiceAsync(1);
        await SetServiceAsync(1, 2);
        await SetServiceAsync(3);
        await _programmer.SubmitAsync(new ServiceIntent(TestService.Key(1), null), default);
        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(2), 9), default);
        await ReconciledAsync();

        var rows = new Dictionary<(string Table, string Key), Dictionary<string, string>>();
        LoggedUpdate[] updates = [.. _target.Updates];
        foreach (var update in updates)
        {
            var key = (update.Name[(update.Name.LastIndexOf('.') + 1)..], update.Entity.TableEntry.Match.ToString());
            if (update.Kind == Kind.Delete)
            {
                Assert.True(rows.Remove(key), $"{update}");
            }
            else
            {
                Assert.True(rows.TryAdd(key, ValuesOf(update.Entity.TableEntry)), $"{update}");
            }
            // Packets that need a row are held while it is replaced. The ID mark, of kind 3, holds nothing.
            if (!rows.Any(r => r.Key.Table == "held" && Convert.FromBase64String(r.Value["kind"])[^1] != 3))
            {
                Assert.All(References, r => Assert.Empty(Dangling(rows, r.From, r.To, r.By)));
            }
        }

        Assert.All(References, r => Assert.Contains(updates, u => u.Name.EndsWith(r.From, StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Dangling(Dictionary<(string Table, string Key), Dictionary<string, string>> rows, string from,
        string to, string by)
    {
        HashSet<string> there = [.. rows.Where(r => r.Key.Table == to).Select(r => r.Value[by])];
        return rows.Where(r => r.Key.Table == from && r.Value.TryGetValue(by, out var value) && !there.Contains(value))
            .Select(r => $"{from} {r.Key.Key} refers to {to} {r.Value[by]}");
    }

    /// <summary>A row's fields and parameters by name.</summary>
    private static Dictionary<string, string> ValuesOf(TableEntry row)
    {
        var pipeline = TestPipeline.Artifacts.Pipeline.Info;
        var table = pipeline.Tables.Single(t => t.Preamble.Id == row.TableId);
        var values = new Dictionary<string, string>();
        foreach (var match in row.Match)
        {
            values[table.MatchFields.Single(f => f.Id == match.FieldId).Name] = $"{match.Exact?.Value.ToBase64()}";
        }

        var action = pipeline.Actions.Single(a => a.Preamble.Id == row.Action.Action.ActionId);
        foreach (var param in row.Action.Action.Params)
        {
            values[action.Params.Single(p => p.Id == param.ParamId).Name] = param.Value.ToBase64();
        }

        return values;
    }
}
