using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>ADD and DEL in unusual situations.</summary>
public sealed class AddAndDelTests(SharedLab shared) : IClassFixture<SharedLab>
{
    [Fact]
    public async Task ADD_with_an_existing_interface_fails_and_changes_nothing()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.NewAsync();
        await Shell.RunLineAsync(attachment.Namespace, "ip link add eth0 type veth peer name other").Succeeded();
        await Shell.RunLineAsync(attachment.Namespace, "ip addr add 192.168.7.7/24 dev eth0").Succeeded();

        Assert.Contains("eth0 already exists", (await runtime.RunAsync("ADD", attachment)).Failed(999).Text, StringComparison.Ordinal);

        Assert.Equal(["eth0", "lo", "other"], await LabState.LinksAsync(attachment.Namespace));
        Assert.Contains("192.168.7.7", (await Shell.RunLineAsync(attachment.Namespace, "ip addr show dev eth0").Succeeded()).Output,
            StringComparison.Ordinal);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        // The runtime's clean-up after the failed ADD must not remove interfaces of others.
        (await runtime.RunAsync("DEL", attachment)).IsSilent();
        Assert.Equal(["eth0", "lo", "other"], await LabState.LinksAsync(attachment.Namespace));
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task A_second_ADD_of_an_attachment_fails_and_the_first_keeps_working()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        var before = await LabState.TakeAsync(runtime.Lab);

        (await runtime.RunAsync("ADD", attachment)).Failed(999);

        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, attachment.Address));
        await runtime.RemoveAsync(attachment);
    }

    /// <summary>
    /// "A given container ID may be added to a specific network more than once only if each addition is done with a different interface
    /// name."
    /// </summary>
    [Fact]
    public async Task A_container_can_have_a_second_interface_in_the_same_network()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var first = await runtime.AddAsync();
        var second = new Attachment(first.ContainerId, first.Namespace, "net1", first.Configuration);
        await runtime.AddAsync(second);

        Assert.NotEqual(first.Address, second.Address);
        // The pod uses the first interface's default route; the second has its own route to the gateway, for programs that bind to it.
        Assert.DoesNotContain(second.Result!["routes"]!.AsArray(), route => (string?)route!["dst"] == "0.0.0.0/0");
        Assert.Contains("169.254.1.1", (await Shell.RunLineAsync(first.Namespace, "ip route show dev net1").Succeeded()).Output,
            StringComparison.Ordinal);
        Assert.Equal(["eth0", "lo", "net1"], await LabState.LinksAsync(first.Namespace));
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, first.Address), "the first interface does not answer");
        (await runtime.RunAsync("CHECK", first)).IsSilent();
        (await runtime.RunAsync("CHECK", second)).IsSilent();

        (await runtime.RunAsync("DEL", second)).IsSilent();
        Assert.Equal(["eth0", "lo"], await LabState.LinksAsync(first.Namespace));
        (await runtime.RunAsync("CHECK", first)).IsSilent();
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, first.Address), "the first interface does not answer any more");
        await runtime.RemoveAsync(first);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task DEL_succeeds_twice_and_for_unknown_attachments()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.AddAsync();
        Assert.NotEqual(before, await LabState.TakeAsync(runtime.Lab));
        for (var i = 0; i < 3; i++)
        {
            (await runtime.RunAsync("DEL", attachment)).IsSilent();
            Assert.Equal(["lo"], await LabState.LinksAsync(attachment.Namespace));
            Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        }

        var unknown = await runtime.NewAsync();
        (await runtime.RunAsync("DEL", unknown)).IsSilent();
        (await runtime.RunAsync("DEL", unknown, null, v => v.Remove("CNI_NETNS"))).IsSilent();
        (await runtime.RunAsync("DEL", unknown, c => c["prevResult"] = new JsonObject(), v => v["CNI_NETNS"] = "")).IsSilent();
        // A network unknown to this host.
        (await runtime.RunAsync("DEL", await runtime.NewAsync(runtime.Configuration(network: "unheard-of")))).IsSilent();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // With neither CNI_NETNS nor prevResult.
    public async Task DEL_frees_everything_after_the_namespace_is_gone(bool withAll)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.AddAsync();
        await runtime.Lab.RemoveNamespaceAsync(attachment.Namespace);

        (await DeleteAsync()).IsSilent();

        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        (await DeleteAsync()).IsSilent();

        Task<CniOutcome> DeleteAsync() => withAll
            ? runtime.RunAsync("DEL", attachment)
            : runtime.RunAsync("DEL", attachment, c => c["prevResult"] = null, v => v["CNI_NETNS"] = "");
    }

    [Theory]
    [InlineData("no CNI_NETNS")]
    [InlineData("an empty CNI_NETNS")]
    [InlineData("no prevResult")]
    [InlineData("a null prevResult")]
    [InlineData("an empty prevResult")]
    [InlineData("no CNI_ARGS")]
    [InlineData("another namespace's path")]
    [InlineData("the interface gone")]
    [InlineData("the interface renamed")]
    [InlineData("the lease gone")]
    public async Task DEL_succeeds_with_missing_input_or_resources(string what)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.AddAsync();
        switch (what)
        {
            case "the interface gone":
                await Shell.RunLineAsync(attachment.Namespace, "ip link del eth0").Succeeded();
                break;
            case "the interface renamed":
                await Shell.RunLineAsync(attachment.Namespace, "ip link set eth0 down").Succeeded();
                await Shell.RunLineAsync(attachment.Namespace, "ip link set eth0 name other").Succeeded();
                break;
            case "the lease gone":
                File.Delete(runtime.Lab.At($"ipam/podnet/{attachment.Address}"));
                break;
        }

        var outcome = await runtime.RunAsync(
            "DEL",
            attachment,
            request =>
            {
                if (what == "no prevResult")
                {
                    request.Remove("prevResult");
                }
                else if (what == "a null prevResult")
                {
                    request["prevResult"] = null;
                }
                else if (what == "an empty prevResult")
                {
                    request["prevResult"] = new JsonObject();
                }
            },
            variables =>
            {
                if (what == "no CNI_NETNS")
                {
                    variables.Remove("CNI_NETNS");
                }
                else if (what == "an empty CNI_NETNS")
                {
                    variables["CNI_NETNS"] = "";
                }
                else if (what == "no CNI_ARGS")
                {
                    variables.Remove("CNI_ARGS");
                }
                else if (what == "another namespace's path")
                {
                    variables["CNI_NETNS"] = $"/run/netns/{runtime.Lab.PortNamespace}";
                }
            });

        outcome.IsSilent();
        Assert.Equal(["lo"], await LabState.LinksAsync(attachment.Namespace));
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task An_attachment_can_be_added_again_after_DEL()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        for (var i = 0; i < 3; i++)
        {
            await runtime.AddAsync(attachment);
            Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, attachment.Address), $"round {i}");
            (await runtime.RunAsync("DEL", attachment)).IsSilent();
        }
    }

    [Fact]
    public async Task Thirty_attachments_are_added_and_deleted_concurrently()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachments = new List<Attachment>();
        for (var i = 0; i < 30; i++)
        {
            attachments.Add(await runtime.NewAsync());
        }

        var ports = (await LabState.LinksAsync(runtime.Lab.PortNamespace)).Count;
        await Task.WhenAll(attachments.Select(runtime.AddAsync));
        Assert.Equal(30, attachments.Select(a => a.Address).Distinct().Count());
        Assert.Equal(ports + 30, (await LabState.LinksAsync(runtime.Lab.PortNamespace)).Count);
        var known = (await LabState.EndpointsAsync(runtime.Lab)).SelectMany(e => e["addresses"]!.AsArray().Select(a => (string?)a));
        Assert.Empty(attachments.Select(a => a.Address).Except(known));
        for (var i = 0; i < attachments.Count; i++)
        {
            Assert.True(await Lab.PingAsync(attachments[i].Namespace, attachments[(i + 1) % attachments.Count].Address,
                count: 1), $"{i} does not reach its neighbour");
        }

        await Task.WhenAll(attachments.Select(async a => (await runtime.RunAsync("DEL", a)).IsSilent()));

        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }
}
