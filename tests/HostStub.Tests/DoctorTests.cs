using System.Text.Json.Nodes;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Diagnosis;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.TestKit.Configurations;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

/// <summary>`host-stub doctor`: names each unmet precondition, with a remedy.</summary>
public sealed class DoctorTests
{
    [Fact]
    public async Task A_healthy_host_has_no_faults()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        Prepare(lab);
        Assert.True(Examine(lab, out var text), text);
        Assert.Contains("reached, both certificates are accepted", text, StringComparison.Ordinal);
        Assert.Contains("network namespaces, veth", text, StringComparison.Ordinal);
        Assert.Contains("is the pod network", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hardware_that_differs_from_the_configuration_is_reported()
    {
        Needs.Root();
        await using var lab = await FunctionLab.CreateAsync(d => (d["Vf"], d["Sf"]) = (FunctionLab.Vf(2), FunctionLab.Sf()));
        Prepare(lab.Agent);
        Assert.True(Examine(lab.Agent, out var text), text);
        Assert.Contains($"{FunctionLab.Address} (idpf): 2 of at most 8 virtual functions", text, StringComparison.Ordinal);
        Assert.Contains($"{lab.Prefix}, the physical function {FunctionLab.Address}, is down", text, StringComparison.Ordinal);
        Assert.Contains($"pci/{FunctionLab.Address}: 0 subfunctions", text, StringComparison.Ordinal);

        void With(string section, string key, JsonNode value, string words)
        {
            var configuration = File.ReadAllText(lab.Agent.ConfigFile);
            var changed = JsonNode.Parse(configuration)!;
            changed["Device"]![section]![key] = value;
            File.WriteAllText(lab.Agent.ConfigFile, changed.ToJsonString());
            Wrong(lab.Agent, "device", words);
            File.WriteAllText(lab.Agent.ConfigFile, configuration);
        }

        With("Vf", "PhysicalFunctions", new JsonArray("nowhere0"), "there is no physical function nowhere0");
        With("Vf", "Count", 9, "supports 8 virtual functions, but Device:Vf:Count is 9");
        With("Sf", "Device", "pci/0000:09:00.0", "there is no devlink device pci/0000:09:00.0");
        lab.Host.AddPci("0000:04:00.0", driver: null);
        With("Vf", "PhysicalFunctions", new JsonArray("0000:04:00.0"), "no driver is bound to the physical function 0000:04:00.0");
        lab.Host.AddPci("0000:05:00.0");
        With("Vf", "PhysicalFunctions", new JsonArray("0000:05:00.0"), "supports no virtual functions");
        lab.Host.AddPci("0000:06:00.0", driver: "vfio-pci");
        Wrong(lab.Agent, "device", "0000:06:00.0 (8086:1452) has the driver vfio-pci, but needs idpf");
        lab.Host.HasDevlink = false;
        Wrong(lab.Agent, "device", "devlink failed");
    }

    [Fact]
    public async Task Each_fault_is_named_with_a_remedy()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        Prepare(lab);

        await lab.Acc.StopAsync();
        await Eventually.TrueAsync(() => !lab.Agent!.Services.Acc.State.Synced, "the agent detects that the ACC is unreachable");
        Wrong(lab, "ACC", "can't be reached");
        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Synced, "the agent connects again");

        File.WriteAllText(lab.At("net.d/00-first.conflist"),
            """{ "cniVersion": "1.0.0", "name": "other", "plugins": [{ "type": "bridge" }] }""");
        Wrong(lab, "CNI", "comes first and is another network");
        File.Delete(lab.At("net.d/00-first.conflist"));

        var network = File.ReadAllText(lab.At("net.d/10-accoffload.conflist"));
        File.WriteAllText(
            lab.At("net.d/10-accoffload.conflist"), network.Replace(lab.Socket, "/run/elsewhere.sock", StringComparison.Ordinal));
        Wrong(lab, "CNI", "uses /run/elsewhere.sock");
        File.WriteAllText(lab.At("net.d/10-accoffload.conflist"), network);

        File.Delete(lab.At("plugins/host-local"));
        Wrong(lab, "CNI", "delegates addresses to 'host-local'");
        File.Delete(lab.At("plugins/accoffload"));
        Wrong(lab, "CNI", "there is no plugin 'accoffload'");

        lab.Acc.Model.StatusFailure = new RpcException(new Status(StatusCode.PermissionDenied, "the certificate names no node"));
        Wrong(lab, "ACC", "refuses this host's certificate: the certificate names no node");
        lab.Acc.Model.StatusFailure = null;

        var configuration = File.ReadAllText(lab.ConfigFile);
        var changed = JsonNode.Parse(configuration)!;
        changed["Device"]!["Ipvlan"] = new JsonObject { ["Parent"] = "nowhere0", ["Port"] = "p" };
        File.WriteAllText(lab.ConfigFile, changed.ToJsonString());
        Wrong(lab, "device", "no interface nowhere0");
        File.WriteAllText(lab.ConfigFile, configuration);

        await lab.StopAgentAsync();
        Wrong(lab, "agent", "does not answer");
    }

    private static void Prepare(AgentLab lab)
    {
        File.SetUnixFileMode(lab.At("pki/tls.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.CreateDirectory(lab.At("net.d"));
        Directory.CreateDirectory(lab.At("plugins"));
        File.WriteAllText(lab.At("plugins/accoffload"), "");
        File.WriteAllText(lab.At("plugins/host-local"), "");
        var list = NetworkJson.List("1.0.0", NetworkJson.Plugin(lab.Socket, lab.At("ipam")));
        File.WriteAllText(lab.At("net.d/10-accoffload.conflist"), list.ToJsonString());
    }

    private static void Wrong(AgentLab lab, string what, string detail)
    {
        Assert.False(Examine(lab, out var text), text);
        var lines = text.Split('\n');
        var at = Array.FindIndex(
            lines,
            l => l.StartsWith("wrong", StringComparison.Ordinal) && l.Contains(what, StringComparison.Ordinal)
                && l.Contains(detail, StringComparison.Ordinal));
        Assert.True(at >= 0, text);
        Assert.Contains("→", lines[at + 1], StringComparison.Ordinal);
    }

    private static bool Examine(AgentLab lab, out string text)
    {
        var report = new Doctor(
            AgentConfigReader.Load(lab.ConfigFile),
            lab.At("net.d"),
            [lab.At("plugins")],
            lab.Hardware ?? HostHardware.OfThisMachine,
            TimeProvider.System).Examine();
        using var writer = new StringWriter();
        report.WriteText(writer);
        text = writer.ToString();
        return report.IsSound;
    }
}
