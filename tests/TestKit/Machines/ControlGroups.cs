namespace ACCOffload.TestKit.Machines;

/// <summary>
/// A control group of a machine's own in the hierarchies that systemd uses, so that its units are not mixed with anybody else's.
/// </summary>
public sealed class ControlGroups(string name)
{
    private const string Root = "/sys/fs/cgroup";

    public IReadOnlyList<string> Folders { get; } = [.. Hierarchies().Select(h => Path.Combine(h, name))];

    /// <summary>Null, or why a machine can't have control groups here.</summary>
    public static string? Missing()
    {
        try
        {
            var groups = new ControlGroups($"accoffload-probe-{Guid.NewGuid():N}");
            if (groups.Folders.Count == 0)
            {
                return $"needs systemd's control groups under {Root}";
            }

            groups.Create();
            groups.Remove();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"needs control groups under {Root} that can be written: {e.Message}";
        }
    }

    public void Create()
    {
        foreach (var folder in Folders)
        {
            Directory.CreateDirectory(folder);
        }
    }

    public void Remove()
    {
        foreach (var folder in Folders.Where(Directory.Exists))
        {
            // A directory of this file system goes by itself, children first.
            foreach (var child in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length)
                .Append(folder))
            {
                try
                {
                    Directory.Delete(child);
                }
                catch (IOException)
                {
                    // A process that is just ending holds it: an empty group costs nothing.
                }
            }
        }
    }

    private static string[] Hierarchies() =>
        File.Exists(Path.Combine(Root, "cgroup.controllers"))
            ? [Root]
            : [.. new[] { "systemd", "unified" }.Select(h => Path.Combine(Root, h)).Where(Directory.Exists)];
}
