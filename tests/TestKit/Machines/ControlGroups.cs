namespace ACCOffload.TestKit.Machines;

/// <summary>
/// A machine's own control group in the hierarchies that systemd uses, separate from those of other machines and this host.
/// </summary>
/// <param name="name">The name of the group.</param>
/// <param name="controllers">Whether it is made in the hierarchies of all controllers as well, for containers in the machine.</param>
public sealed class ControlGroups(string name, bool controllers = false)
{
    private const string Root = "/sys/fs/cgroup";

    // A process can only join a cpuset that has CPUs and memory nodes.
    private static readonly string[] Inherited = ["cpuset.cpus", "cpuset.mems"];

    public IReadOnlyList<string> Folders { get; } = [.. Hierarchies(controllers).Select(h => Path.Combine(h, name))];

    /// <summary>Why a machine can't have control groups here; null if it can.</summary>
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
            foreach (var file in Inherited.Where(file => File.Exists(Path.Combine(folder, file))))
            {
                File.WriteAllText(Path.Combine(folder, file), File.ReadAllText(Path.Combine(folder, "..", file)));
            }
        }
    }

    public void Remove()
    {
        foreach (var folder in Folders.Where(Directory.Exists))
        {
            // cgroupfs has no recursive delete: remove each directory, children first.
            foreach (var child in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length)
                .Append(folder))
            {
                try
                {
                    Directory.Delete(child);
                }
                catch (IOException)
                {
                    // An exiting process still uses it. An empty group left behind does no harm.
                }
            }
        }
    }

    private static string[] Hierarchies(bool controllers)
    {
        if (File.Exists(Path.Combine(Root, "cgroup.controllers")))
        {
            return [Root];
        }

        return controllers && Directory.Exists(Root)
            ? [.. Directory.GetDirectories(Root).Where(h => File.Exists(Path.Combine(h, "cgroup.procs")))]
            : [.. new[] { "systemd", "unified" }.Select(h => Path.Combine(Root, h)).Where(Directory.Exists)];
    }
}
