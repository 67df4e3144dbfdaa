using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class LinkMonitorTests
{
    [Fact]
    public void Added_changed_moved_and_removed_links_are_reported()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        using var monitor = LinkMonitor.Open(a.Ns);
        Assert.False(monitor.TryRead(out _));
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        Expect(monitor, LinkEventKind.Changed, l => l.Name == "x0");
        a.Route.SetUp(link.Index);
        Expect(monitor, LinkEventKind.Changed, l => l.Name == "x0" && l.IsUp);
        a.Route.MoveToNamespace(link.Index, b.Ns, "eth0");
        Expect(monitor, LinkEventKind.Removed, l => l.Index == link.Index);
        b.Route.MoveToNamespace(b.Route.GetLink("eth0")!.Index, a.Ns, "again");
        Expect(monitor, LinkEventKind.Changed, l => l.Name == "again");
        a.Route.DeleteLink(a.Route.GetLink("x1")!.Index);
        Expect(monitor, LinkEventKind.Removed, l => l.Name == "again");
    }

    [Fact]
    public void A_port_that_leaves_a_bridge_is_not_a_removed_link()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var monitor = LinkMonitor.Open(a.Ns);
        a.Ns.Run(() =>
        {
            foreach (var arguments in new[]
            {
                "link add br0 type bridge",
                "link add x0 type veth peer name x1",
                "link set x0 master br0",
                "link set x0 nomaster",
                "link add last type veth peer name last1",
            })
            {
                using var process = System.Diagnostics.Process.Start("ip", arguments.Split(' '));
                process.WaitForExit();
                Assert.Equal(0, process.ExitCode);
            }
        });
        var seen = new List<LinkEvent>();
        Wait.For(monitor.Handle, () =>
        {
            while (monitor.TryRead(out var e))
            {
                seen.Add(e);
            }

            return seen.Any(e => e.Link!.Name == "last");
        }, "the last link");
        Assert.DoesNotContain(seen, e => e.Kind != LinkEventKind.Changed);
    }

    [Fact]
    public void Lost_and_malformed_events_require_a_new_list()
    {
        var good = Bytes.Message(
            Rtnetlink.RTM_NEWLINK, 0, 0, 0, [0, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, .. Bytes.Attribute(3, "eth0\0"u8)]);
        using var kernel = new ScriptedKernel();
        using var monitor = new LinkMonitor(kernel, new FileDescriptor());
        kernel.Lose();
        kernel.Answer([.. good, .. good]);
        kernel.Answer([.. good, 3, 0, 0, 0]);
        kernel.Answer(Bytes.Message(Rtnetlink.RTM_NEWLINK, 0, 0, 0, [0, 0, 1]));
        kernel.AnswerCutOff();
        kernel.Answer(good);
        var kinds = new List<LinkEventKind>();
        while (monitor.TryRead(out var e))
        {
            kinds.Add(e.Kind);
        }

        Assert.Equal([LinkEventKind.Lost, LinkEventKind.Changed, LinkEventKind.Changed, LinkEventKind.Changed, LinkEventKind.Lost,
            LinkEventKind.Lost, LinkEventKind.Lost, LinkEventKind.Changed], kinds);
    }

    private static void Expect(LinkMonitor monitor, LinkEventKind kind, Func<LinkInfo, bool> condition) => Wait.For(monitor.Handle, () =>
    {
        while (monitor.TryRead(out var e))
        {
            Assert.NotEqual(LinkEventKind.Lost, e.Kind);
            if (e.Kind == kind && condition(e.Link!))
            {
                return true;
            }
        }
        return false;
    }, $"a link {kind}");
}
