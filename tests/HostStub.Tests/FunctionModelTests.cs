using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Tests;

/// <summary>
/// Compares the pools of virtual functions and subfunctions with a model, through the plugin and on real links: pods are added, are deleted
/// or die without a DEL, and the agent restarts. After each step, every pod has its own device. At the end, all devices are free, and the
/// links of virtual functions are in their original state.
/// </summary>
public sealed class FunctionModelTests
{
    private const int Functions = 4;
    private const int Steps = 150;

    [Theory]
    [InlineData("vf", 1)]
    [InlineData("sf", 2)]
    public async Task The_pool_always_matches_the_model(string kind, int seed)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            d["Kind"] = kind;
            d["Vf"] = FunctionLab.Vf(Functions);
            d["Sf"] = FunctionLab.Sf();
        });
        var before = HostLinks(lab);
        var random = new Random(seed);
        var attached = new List<Pod>();
        var dead = new List<Pod>();
        for (var step = 0; step < Steps; step++)
        {
            switch (random.Next(100))
            {
                case < 45:
                    await AddAsync(lab, kind, attached);
                    break;
                case < 75 when attached.Count > 0:
                    await DeleteAsync(lab, attached, random);
                    break;
                case < 88 when attached.Count > 0:
                    var dying = Take(attached, random);
                    lab.Agent.DeletePod(dying);
                    dead.Add(dying);
                    break;
                case < 94 when dead.Count > 0:
                    (await lab.Agent.RunAsync("DEL", Take(dead, random))).Succeeded();
                    break;
                case < 97:
                    await lab.Agent.StopAgentAsync();
                    await lab.Agent.StartAgentAsync();
                    break;
            }
            Check(lab, kind, attached);
        }
        foreach (var pod in attached.Concat(dead))
        {
            (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        }
        // The kernel takes a moment to return devices from a deleted namespace.
        await Eventually.TrueAsync(
            () => lab.Free(kind).Length is var free && (kind == "sf" ? free == lab.Switch.Subfunctions.Count : free == Functions),
            () => lab.Pool(kind).ToJsonString());
        Assert.Empty(lab.Agent.Acc.Model.Pods);
        if (kind == "vf")
        {
            await Eventually.TrueAsync(
                () => before.SetEquals(HostLinks(lab)),
                () =>
                    $"{string.Join(", ", before)}\ninstead "
                        + $"of\n{string.Join(", ", HostLinks(lab))}\n{string.Join('\n', lab.Agent.Log.Lines)}");
        }
    }

    private static async Task AddAsync(FunctionLab lab, string kind, List<Pod> attached)
    {
        var pod = lab.Agent.NewPod();
        if (attached.Count == Functions)
        {
            (await lab.Agent.RunAsync("ADD", pod)).Failed(11);
            lab.Agent.DeletePod(pod);
            return;
        }
        // The kernel may still be returning a device from a deleted namespace.
        PluginAnswer? answer = null;
        await Eventually.TrueAsync(
            () =>
                (answer = lab.Agent.Run("ADD", pod)).ExitCode == 0
                    || (answer.Code == 11 ? false : throw new InvalidOperationException(answer.Text)),
            () => $"{kind}: {answer?.Text}\n{lab.Pool(kind).ToJsonString()}\n{string.Join('\n', lab.Agent.Log.Lines)}");
        attached.Add(pod);
    }

    private static async Task DeleteAsync(FunctionLab lab, List<Pod> attached, Random random)
    {
        var pod = Take(attached, random);
        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        Assert.Null(FunctionLab.PodLink(pod));
        lab.Agent.DeletePod(pod);
    }

    private static Pod Take(List<Pod> pods, Random random)
    {
        var pod = pods[random.Next(pods.Count)];
        pods.Remove(pod);
        return pod;
    }

    private static void Check(FunctionLab lab, string kind, List<Pod> attached)
    {
        var macs = attached.Select(
            p => FunctionLab.PodLink(p)?.Mac ?? throw new InvalidOperationException($"{p.Namespace} has lost its {kind}")).ToArray();
        Assert.Equal(macs.Length, macs.Distinct().Count());
        var stated = lab.Agent.Acc.Model.Pods.Select(p => new MacAddress(p.Device.Mac.Span)).ToHashSet();
        Assert.Superset(macs.ToHashSet(), stated);
        lab.Agent.Request("STATUS", "", "").Succeeded();
    }

    private static HashSet<(string, MacAddress, int, string)> HostLinks(FunctionLab lab)
    {
        var names = Enumerable.Range(0, Functions).Select(n => $"{lab.Prefix}v{n}").Prepend(lab.Prefix);
        return [.. names.Select(FunctionLab.Link).OfType<LinkInfo>().Select(l => (l.Name, l.Mac, l.Mtu, l.Alias ?? ""))];
    }
}
