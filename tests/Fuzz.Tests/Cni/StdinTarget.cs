using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.Fuzz.Tests.Cni;

/// <summary>
/// Standard input and environment of the CNI plugin: the plugin's checks, its frame and the agent's parser, up to the start of the
/// operation. <see cref="PlainCni"/> determines the expected errors.
/// </summary>
internal sealed class StdinTarget() : FuzzTarget("cni-stdin")
{
    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private Dictionary<string, string> _environment = [];
        private byte[] _input = [];
        private CniCall? _call;
        private int _agentError;

        public override string Describe() =>
            $"{string.Join(' ', _environment.Select(e => $"{e.Key}={e.Value}"))}\n  {Encoding.UTF8.GetString(_input)}\n  "
            + $"{Convert.ToHexString(_input)}";

        public override bool Step(Dice dice)
        {
            _environment = CniInputs.Environment(dice);
            _input = CniInputs.Config(dice, _environment.GetValueOrDefault("CNI_COMMAND", ""));
            _call = null;
            _agentError = 0;
            var answer = CniPlugin.Execute(_environment, () => _input, Ask);
            if (_environment.GetValueOrDefault("CNI_COMMAND") == "VERSION")
            {
                return Versions(answer);
            }

            var allowed = PlainCni.Errors(_environment, _input);
            if (answer.ExitCode == 0)
            {
                FuzzFailure.Unless(allowed.Count == 0, $"accepted an invalid call with errors {string.Join(' ', allowed)}");
                using var document = JsonDocument.Parse(_input);
                var removal = _environment.GetValueOrDefault("CNI_COMMAND") == "DEL";
                var cannotExist = removal && PlainCni.CannotExist(_environment, document.RootElement);
                FuzzFailure.Unless(_call is null == cannotExist, cannotExist
                    ? "the agent was asked to remove an attachment that cannot exist"
                    : "accepted, but the agent was not asked");
                if (!removal)
                {
                    AssertParsed(_call!, document.RootElement);
                }
                else if (!cannotExist)
                {
                    FuzzFailure.Unless(_call!.Config.Name == PlainCni.RemovalName(document.RootElement), "the network name differs");
                }

                return true;
            }

            var code = ErrorOf(answer);
            FuzzFailure.Unless(_agentError == 0 || _agentError == code, $"the agent answered {_agentError}, the plugin {code}");
            FuzzFailure.Unless(allowed.Contains(code), $"error {code}, allowed: {string.Join(' ', allowed)}");
            return false;
        }

        /// <summary>Processes a frame like the agent, without the operation.</summary>
        private AgentResponse Ask(string socket, byte[] frame, TimeSpan limit)
        {
            FuzzFailure.Unless(limit > TimeSpan.Zero && socket.StartsWith('/'), $"asks {socket} for {limit}");
            var request = AgentRequest.Decode(frame.AsSpan(AgentRequest.LengthPrefix));
            FuzzFailure.Unless(request.Stdin.Span.SequenceEqual(_input), "the agent received a different input");
            try
            {
                _call = CniCall.Read(request);
                if (_call.Config.PrevResult is { } previous)
                {
                    _ = JsonNode.Parse(CniResultWriter.Write(previous, _call.Config.Version));
                }

                return new AgentResponse(0, default, default);
            }
            catch (CniException e)
            {
                _agentError = e.Code;
                return new AgentResponse(1, CniErrorJson.Error("", e.Code, e.Message, e.Details), default);
            }
        }

        private void AssertParsed(CniCall call, JsonElement root)
        {
            FuzzFailure.Unless(call.Config.Name == PlainCni.Present(root, "name")?.GetString()
                && call.Config.Version.Text() == PlainCni.Present(root, "cniVersion")?.GetString(), "name or version differ");
            var mtu = PlainCni.Present(root, "mtu") is { ValueKind: JsonValueKind.Number } value ? value.GetInt32() : 0;
            FuzzFailure.Unless(call.Config.Mtu == mtu, $"mtu {call.Config.Mtu}, not {mtu}");
            FuzzFailure.Unless(call.Environment.ContainerId == _environment.GetValueOrDefault("CNI_CONTAINERID", ""),
                "the container ID differs");
        }

        private static bool Versions(AgentResponse answer)
        {
            var json = JsonNode.Parse(answer.Output.Span)!;
            FuzzFailure.Unless(answer.ExitCode == 0 && json["supportedVersions"]!.AsArray().Count == 5, $"VERSION answered {json}");
            return true;
        }

        private static int ErrorOf(AgentResponse answer)
        {
            var json = JsonNode.Parse(answer.Output.Span)!.AsObject();
            FuzzFailure.Unless(answer.ExitCode == 1 && json["msg"]!.GetValue<string>().Length > 0
                && json["cniVersion"] is not null, $"not an error object: {json}");
            return json["code"]!.GetValue<int>();
        }
    }
}
