using System.Globalization;
using System.Text.RegularExpressions;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Writes a copy of the compiled pipeline with shorter timeouts: minutes become seconds.</summary>
internal static partial class FastPipeline
{
    public static void Write(string folder, int speed)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "p4src/build"), "k8s_dp.*"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        var spec = Path.Combine(folder, "k8s_dp.spec");
        var text = File.ReadAllText(spec);
        Assert.Matches(Timeouts(), text);
        File.WriteAllText(spec, Timeouts().Replace(text, all => Number().Replace(all.Value, one => Shorten(one.ValueSpan, speed))));
    }

    // Timeouts are whole seconds, and at least one.
    private static string Shorten(ReadOnlySpan<char> seconds, int speed) =>
        ((int.Parse(seconds, CultureInfo.InvariantCulture) + speed - 1) / speed).ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(?<=^\s*timeout \{)[\d\s]+(?=\})", RegexOptions.Multiline)]
    private static partial Regex Timeouts();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();
}
