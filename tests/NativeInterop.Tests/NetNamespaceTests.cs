using System.Diagnostics;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class NetNamespaceTests
{
    [Fact]
    public void A_named_namespace_is_visible_to_iproute2()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        Assert.Contains(ns.Name, Run("ip", "netns", "list"), StringComparison.Ordinal);
        ns.Route.CreateVeth(new VethSpec { Name = "mine0", PeerName = "mine1" });
        Assert.Contains("mine0", Run("ip", "netns", "exec", ns.Name, "ip", "link"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_namespace_of_iproute2_is_opened_and_deleted()
    {
        Needs.Root();
        var name = $"acct-ip-{Guid.NewGuid():N}";
        Run("ip", "netns", "add", name);
        using (var ns = NetNamespace.OpenNamed(name))
        using (var route = RouteNetlink.Open(ns))
        {
            Assert.Equal("lo", Assert.Single(route.GetLinks()).Name);
        }

        Assert.True(NetNamespace.DeleteNamed(name));
        Assert.DoesNotContain(name, Run("ip", "netns", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_directory_is_a_shared_mount()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        var mount = File.ReadLines("/proc/self/mountinfo").Single(line => line.Split(' ')[4] == NetNamespace.NamedDirectory);
        Assert.Contains(" shared:", mount, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_is_created_once_and_deleted_once()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => NetNamespace.CreateNamed(ns.Name)).Errno);
        using (var same = NetNamespace.OpenOrCreateNamed(ns.Name))
        {
            Assert.True(same.IsSameAs(ns.Ns));
        }

        Assert.True(NetNamespace.DeleteNamed(ns.Name));
        Assert.False(NetNamespace.DeleteNamed(ns.Name));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => NetNamespace.OpenNamed(ns.Name)).Errno);
    }

    [Fact]
    public void A_file_left_by_a_crash_is_deleted_too()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        var name = $"acct-stale-{Guid.NewGuid():N}";
        File.WriteAllText(NetNamespace.NamedPath(name), "");
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetNamespace.OpenNamed(name)).Errno);
        Assert.True(NetNamespace.DeleteNamed(name));
    }

    [Fact]
    public void Many_threads_create_namespaces_at_once()
    {
        Needs.Root();
        var names = Enumerable.Range(0, 16).Select(i => $"acct-par-{Guid.NewGuid():N}-{i}").ToArray();
        var inodes = new HashSet<ulong>();
        try
        {
            Parallel.ForEach(names, new ParallelOptions { MaxDegreeOfParallelism = 8 }, name =>
            {
                using var ns = NetNamespace.CreateNamed(name);
                lock (inodes)
                {
                    inodes.Add(ns.Inode);
                }
            });
            Assert.Equal(16, inodes.Count);
            Assert.Single(File.ReadLines("/proc/self/mountinfo"), line => line.Split(' ')[4] == NetNamespace.NamedDirectory);
        }
        finally
        {
            foreach (var name in names)
            {
                NetNamespace.DeleteNamed(name);
            }
        }
    }

    [Fact]
    public void Code_runs_inside_on_its_own_thread_and_ours_stays_outside()
    {
        Needs.Root();
        using var before = NetNamespace.OpenCurrent();
        using var ns = new TestNamespace();
        var (inode, thread, pooled) = ns.Ns.Run(() =>
        {
            using var inside = NetNamespace.OpenCurrent();
            return (inside.Inode, Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread);
        });
        Assert.Equal(ns.Ns.Inode, inode);
        Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
        Assert.False(pooled);
        using var after = NetNamespace.OpenCurrent();
        Assert.True(before.IsSameAs(after));
        Assert.False(before.IsSameAs(ns.Ns));
    }

    [Fact]
    public void Exceptions_of_the_code_are_passed_on()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        var e = Assert.Throws<InvalidOperationException>(() => ns.Ns.Run(() => throw new InvalidOperationException("from inside")));
        Assert.Equal("from inside", e.Message);
        Assert.Contains(nameof(Exceptions_of_the_code_are_passed_on), e.StackTrace, StringComparison.Ordinal);
    }

    [Fact]
    public void A_socket_created_inside_works_outside_and_keeps_the_namespace_alive()
    {
        Needs.Root();
        var name = $"acct-alive-{Guid.NewGuid():N}";
        var ns = NetNamespace.CreateNamed(name);
        using var route = RouteNetlink.Open(ns);
        NetNamespace.DeleteNamed(name);
        ns.Dispose();
        route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" });
        Assert.Equal(3, route.GetLinks().Count);
    }

    [Fact]
    public void Other_files_are_rejected()
    {
        Needs.Root();
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetNamespace.Open("/etc/hostname")).Errno);
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetNamespace.Open("/proc/self/ns/mnt")).Errno);
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => NetNamespace.Open("/tmp")).Errno);
        var e = Assert.Throws<LinuxException>(() => NetNamespace.Open("/run/netns/no-such-namespace"));
        Assert.True(e.Errno == Errno.ENOENT, e.ToString());
        Assert.Contains("/run/netns/no-such-namespace", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fifo_does_not_hang_the_caller()
    {
        Needs.Root();
        var path = Path.Combine(Path.GetTempPath(), $"acct-fifo-{Guid.NewGuid():N}");
        Run("mkfifo", path);
        try
        {
            Assert.Throws<LinuxException>(() => NetNamespace.Open(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("../../etc/passwd")]
    public void A_name_cannot_escape_the_directory(string name)
    {
        Assert.Throws<ArgumentException>(() => NetNamespace.CreateNamed(name));
        Assert.Throws<ArgumentException>(() => NetNamespace.DeleteNamed(name));
    }

    private static string Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
