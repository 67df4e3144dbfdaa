using System.Text.RegularExpressions;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>Finds tables and actions by their P4 source name: p4c appends a number.</summary>
internal static partial class K8sNames
{
    public static SwxTable Table(SwxProgram program, string name) => program.Tables.Single(t => Source(t.Name) == name);

    public static SwxAction Action(SwxProgram program, string table, string name)
        => Table(program, table).Actions.Single(a => Source(a.Action.Name) == name).Action;

    private static string Source(string name) => Decoration().Replace(name, "");

    [GeneratedRegex("_[0-9]+$")]
    private static partial Regex Decoration();
}
