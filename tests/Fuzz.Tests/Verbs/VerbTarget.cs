using System.Text.Json.Nodes;
using ACCOffload.Fuzz.Tests.Cni;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.TestKit;
using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.Verbs;

/// <summary>
/// Sequences of CNI commands with unusual configurations and environments, through the plugin, the agent, the kernel and an ACC. In any
/// order, DEL succeeds and leaves nothing behind, a failed ADD leaves nothing behind, and other attachments stay unchanged.
/// </summary>
internal sealed class VerbTarget() : FuzzTarget("cni-verbs")
{
    public override int EpisodeLength => 60;

    public override int OneIn => 40;

    public override int LongRunDivisor => 40;

    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private static readonly string[] Networks = ["podnet", "othernet"];

        private readonly FakeIpam _leases = new();
        private readonly AgentLab _lab;
        private readonly Pod[] _pods;
        private readonly Dictionary<AttachmentKey, JsonNode> _attached = [];
        private readonly List<string> _history = [];
        private bool _failed;

        public Session()
        {
            _lab = AgentLab.CreateAsync(prepare: lab => lab.Ipam = _leases.RunAsync).GetAwaiter().GetResult();
            _pods = [.. Enumerable.Range(0, 4).Select(_ => _lab.NewPod())];
            // The binary must exist but is not run.
            Directory.CreateDirectory(_lab.At("bin"));
            File.WriteAllText(_lab.At("bin/fuzz-ipam"), "");
        }

        public override string Describe() => string.Join("\n  ", _history) + "\n  " + string.Join("\n  ", _lab.Log.Lines.TakeLast(20));

        public override bool Step(Dice dice)
        {
            try
            {
                var command = dice.Pick("ADD", "ADD", "ADD", "DEL", "DEL", "CHECK", "GC", "STATUS");
                var accepted = Run(dice, command, dice.Pick<Pod>(_pods), dice.Pick("eth0", "eth1"), dice.Pick<string>(Networks));
                AssertOthersUnchanged();
                return accepted;
            }
            catch
            {
                _failed = true;
                throw;
            }
        }

        public override void End()
        {
            try
            {
                if (_failed)
                {
                    return;
                }

                var dice = new Dice(7);
                foreach (var key in _attached.Keys.ToArray())
                {
                    Run(dice, "DEL", _pods[0] with { ContainerId = key.ContainerId }, key.InterfaceName, key.Network, always: true);
                }

                FuzzFailure.Unless(_attached.Count == 0
                    && _leases.Count == 0, $"{_attached.Count} attachments and {_leases.Count} addresses are left over");
                Eventually.TrueAsync(() => _lab.Acc.Model.Pods.Count == 0 && _lab.Agent!.Services.Claims.All().Count == 0,
                    "the ACC and the agent hold no attachments").GetAwaiter().GetResult();
                FuzzFailure.Unless(_lab.DataPlaneLinks().Count == 0, "devices are left over");
                FuzzFailure.Unless(Directory.GetFileSystemEntries(_lab.Socket + ".pending").Length == 0, "pending removals are left over");
            }
            finally
            {
                _lab.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }

        // With always, the names stay valid whatever else is unusual.
        private bool Run(Dice dice, string command, Pod pod, string interfaceName, string network, bool always = false)
        {
            JsonObject config = [];
            Dictionary<string, string> environment = [];
            var odd = always || dice.OneIn(2);
            var known = new AttachmentKey(network, pod.ContainerId, interfaceName);
            _leases.Behaviour = dice.OneIn(4) ? dice.Pick(Enum.GetValues<IpamBehaviour>()) : IpamBehaviour.Assigns;
            var blocked = dice.OneIn(12);
            _lab.Acc.Model.AttachFailure = blocked
                ? new RpcException(new Status(dice.Pick(StatusCode.AlreadyExists, StatusCode.Unavailable, StatusCode.InvalidArgument),
                    "random failure"))
                : null;
            var answer = _lab.Run(
                command,
                pod,
                prevResult: _attached.GetValueOrDefault(known),
                change: c => config = Change(dice, c, command, network, odd, always),
                environment: e => environment = Change(dice, e, interfaceName, odd && !always && dice.OneIn(3)));
            _lab.Acc.Model.AttachFailure = null;
            _history.Add($"{command} {environment["CNI_CONTAINERID"]} {environment["CNI_IFNAME"]} {config.ToJsonString()} → {answer.Text}");

            var name = config["name"] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
            var key = new AttachmentKey(name, environment["CNI_CONTAINERID"], environment["CNI_IFNAME"]);
            switch (command)
            {
                case "ADD" when answer.ExitCode == 0:
                    FuzzFailure.Unless(_attached.TryAdd(key, answer.Output!), $"{key} was added twice");
                    break;
                case "ADD" when !_attached.ContainsKey(key):
                    AssertRemoved(key);
                    break;
                case "DEL":
                    // Missing names can't be guessed.
                    FuzzFailure.Unless(answer.ExitCode == 0 || key.ContainerId.Length == 0
                        || key.InterfaceName.Length == 0, $"DEL failed: {answer.Text}");
                    _attached.Remove(key);
                    AssertRemoved(key);
                    break;
                case "GC":
                    Collected(config, name, answer.ExitCode == 0);
                    break;
                case "CHECK" when !odd && !blocked && _attached.ContainsKey(key):
                    FuzzFailure.Unless(answer.ExitCode == 0, $"CHECK of {key} failed: {answer.Text}");
                    break;
            }

            return answer.ExitCode == 0;
        }

        private JsonObject Change(Dice dice, JsonObject config, string command, string network, bool odd, bool always)
        {
            config["name"] = network;
            config["ipam"]!["type"] = "fuzz-ipam";
            if (command == "GC")
            {
                var valid = _attached.Keys.Where(k => k.Network == network && !dice.OneIn(3))
                    .Select(k => (JsonNode)new JsonObject { ["containerID"] = k.ContainerId, ["ifname"] = k.InterfaceName });
                config["cni.dev/valid-attachments"] = dice.OneIn(8) ? null : new JsonArray([.. valid]);
            }

            for (var changes = odd ? dice.Between(1, 3) : 0; changes > 0; changes--)
            {
                CniInputs.MutateTree(dice, config, 0);
            }

            if (odd && dice.OneIn(6))
            {
                config["deviceKind"] = dice.Pick("vf", "nonsense", "veth");
            }

            if (odd && dice.OneIn(6))
            {
                config["runtimeConfig"] = new JsonObject
                {
                    [dice.Pick("mac", "bandwidth", "portMappings", "deviceID", "ips")] =
                    dice.OddText()
                };
            }

            if (always)
            {
                config["name"] = network;
            }
            // Never use the agent of the host.
            config["socket"] = _lab.Socket;
            config.Remove("pendingDir");
            return config;
        }

        private static Dictionary<string, string> Change(Dice dice, Dictionary<string, string> environment, string interfaceName, bool odd)
        {
            environment["CNI_IFNAME"] = interfaceName;
            if (odd)
            {
                environment[dice.Pick("CNI_ARGS", "CNI_NETNS", "CNI_PATH", "CNI_IFNAME", "CNI_CONTAINERID")] = dice.Pick(dice.OddText(),
                    "all", "default", "eth%d").Replace("\0", "", StringComparison.Ordinal);
            }

            return environment;
        }

        private void AssertRemoved(AttachmentKey key)
        {
            var claim = _lab.Agent!.Services.Claims.Get(key);
            FuzzFailure.Unless(claim is null or { State: ClaimState.Released }, $"the claim of {key} is left over as {claim?.State}");
            FuzzFailure.Unless(!_leases.Has(key.Network, key.ContainerId, key.InterfaceName), $"the address of {key} is left over");
            FuzzFailure.Unless(DataPlaneEnd(key) is null, $"the device of {key} is left over");
        }

        // A GC that reports failures still collects everything else.
        private void Collected(JsonObject config, string network, bool succeeded)
        {
            var valid = new HashSet<AttachmentKey>();
            if (config["cni.dev/valid-attachments"] is JsonArray list)
            {
                foreach (var item in list.OfType<JsonObject>())
                {
                    valid.Add(new AttachmentKey(network, Text(item["containerID"]), Text(item["ifname"])));
                }
            }

            foreach (var key in _attached.Keys.Where(k => k.Network == network && !valid.Contains(k)).ToArray())
            {
                if (!succeeded && _lab.Agent!.Services.Claims.Get(key) is { State: ClaimState.Attached })
                {
                    continue;
                }

                _attached.Remove(key);
                AssertRemoved(key);
            }

            static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : "";
        }

        private PortInfo? DataPlaneEnd(AttachmentKey key) =>
            _lab.Agent!.Services.Pools.DataPlaneEnds().FirstOrDefault(p => p.Name == PortName.For(key));

        private void AssertOthersUnchanged()
        {
            var known = _lab.Acc.Model.Pods.Select(e => new AttachmentKey(e.Key.Network, e.Key.ContainerId, e.Key.InterfaceName))
                .ToHashSet();
            foreach (var key in _attached.Keys)
            {
                FuzzFailure.Unless(
                    _lab.Agent!.Services.Claims.Get(key) is { State: ClaimState.Attached, Vanished: false }, $"the claim of {key} is gone");
                FuzzFailure.Unless(_leases.Has(key.Network, key.ContainerId, key.InterfaceName), $"the address of {key} is gone");
                FuzzFailure.Unless(known.Contains(key), $"the ACC has lost {key}");
                FuzzFailure.Unless(DataPlaneEnd(key) is { IsUp: true }, $"the device of {key} is gone");
            }

            FuzzFailure.Unless(_leases.Count == _attached.Count, $"{_leases.Count} addresses, {_attached.Count} attachments");
        }
    }
}
