using System.Net;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Microsoft.Extensions.Logging.Abstractions;
using ApiKey = ACCOffload.Protos.V1.AttachmentKey;
using Key = ACCOffload.InfraManager.State.Values.AttachmentKey;
using Kind = ACCOffload.Protos.V1.EndpointKind;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>
/// accoffload.v1: corrupted bytes, or well-formed messages with unusual contents, against the service, admission rules and model.
/// </summary>
internal sealed class OffloadTarget(bool wire) : FuzzTarget(wire ? "rpc-offload-wire" : "rpc-offload-odd")
{
    public override FuzzSession Start(Dice dice) => new Session(wire);

    private sealed class Session : RpcSession
    {
        private readonly OffloadService _service;

        public Session(bool wire)
            : base(wire)
        {
            _service = new OffloadService(Core, AdmissionCore.Node, new ConditionSource(Core), Guard,
                new AgentLog(TimeProvider.System, NullLogger.Instance));
        }

        public override bool Step(Dice dice)
        {
            var accepted = dice.Below(10) switch
            {
                _ when dice.OneIn(40) => Begin(dice),
                < 6 => Make(dice, AttachRequest.Parser, () => OffloadMessages.Attach(dice, odd: !Wire)) is { } request && Attach(request),
                < 8 => Make(dice, DetachRequest.Parser, () => OffloadMessages.Detach(dice, odd: !Wire)) is { } request && Detach(request),
                _ => Make(dice, SyncRequest.Parser, () => OffloadMessages.Sync(dice, odd: !Wire)) is { } request && Sync(request),
            };
            ExpectedModel.Compare(accepted);
            return accepted;
        }

        private bool Attach(AttachRequest request)
        {
            request.Epoch = ExpectedModel.Shift(request.Epoch);
            var expected = ToSpec(request) is { } spec && ExpectedModel.IsValid(spec) && ExpectedModel.WouldAccept(spec) ? spec : null;
            var reply = Ask(_service.Attach, request);
            FuzzFailure.Unless((reply is not null) == (expected is not null),
                reply is null ? "rejected a valid request" : "accepted an invalid request");
            if (expected is null)
            {
                return false;
            }

            FuzzFailure.Unless(reply!.Port == 7 && reply.GatewayMac.Length == 6
                && reply.Mtu == (request.Mtu == 0 ? 1500 : request.Mtu), $"answered {reply}");
            ExpectedModel.Attached(expected);
            return true;
        }

        private bool Begin(Dice dice)
        {
            var request = new BeginRequest { Agent = Wire || dice.OneIn(2) ? "agent-2" : dice.OddText() };
            var valid = request.Agent.Length is > 0 and <= 64
                && request.Agent.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
            var reply = Ask(_service.Begin, request);
            FuzzFailure.Unless((reply is not null) == valid, reply is null ? "rejected a valid request" : "accepted an invalid request");
            if (reply is null)
            {
                return false;
            }

            ExpectedModel.Began(reply.Epoch, reply.Attachments.Count);
            return true;
        }

        private bool Detach(DetachRequest request)
        {
            request.Epoch = ExpectedModel.Shift(request.Epoch);
            var stamp = new RequestStamp(request.Epoch, request.Sequence);
            var valid = request.Key is { } key && PlainRules.IsKey(key.Network, key.ContainerId, key.InterfaceName)
                && ExpectedModel.IsCurrentEpoch(stamp);
            var reply = Ask(_service.Detach, request);
            FuzzFailure.Unless((reply is not null) == valid, reply is null ? "rejected a valid request" : "accepted an invalid request");
            if (reply is null)
            {
                return false;
            }

            var removed = ExpectedModel.Detached(new EndpointAddress(ApiOrigin.Offload, ToKey(request.Key)), stamp);
            FuzzFailure.Unless(reply.Removed == removed, $"removed: {reply.Removed}, not {removed}");
            return true;
        }

        private bool Sync(SyncRequest request)
        {
            request.Epoch = ExpectedModel.Shift(request.Epoch);
            foreach (var item in request.Attachments)
            {
                item.Epoch = ExpectedModel.Shift(item.Epoch);
            }

            var stamp = new RequestStamp(request.Epoch, request.Sequence);
            var specs = request.Attachments.Select(ToSpec).ToArray();
            var valid = request.Attachments.Count <= 4096 && ExpectedModel.WouldSync(stamp);
            var reply = Ask(_service.Sync, request);
            FuzzFailure.Unless((reply is not null) == valid, reply is null ? "rejected a valid request" : "accepted an invalid request");
            if (reply is null)
            {
                return false;
            }

            foreach (var failure in reply.Failures)
            {
                OneLine(failure.Message);
            }
            // An item that the model cannot represent is a failure, whatever its key.
            var unreadable = Core.LastSync!.Failures.Where(f => specs[f.Index] is null).ToList();
            FuzzFailure.Unless(unreadable.Count == specs.Count(s => s is null), "an unreadable item did not fail");
            ExpectedModel.Synced(new SyncIntent("node-1", request.Epoch, request.Sequence,
                [.. specs.OfType<EndpointSpec>()])
            { Unreadable = unreadable }, Core.LastSync!);
            return true;
        }

        private static Key ToKey(ApiKey key) => new(key.Network, key.ContainerId, key.InterfaceName);

        /// <summary>Null if the model cannot represent the request.</summary>
        private static EndpointSpec? ToSpec(AttachRequest request)
        {
            if (request.Key is not { } key || !PlainRules.IsKey(key.Network, key.ContainerId, key.InterfaceName)
                || request.Device is not { Kind: "veth" or "tap" } device || request.Kind is not (Kind.Pod or Kind.Host)
                || request.Mtu > 65535
                || device.Mac.Length != 6 || request.Addresses.Count > 16 || request.Addresses.Any(a => a.Length != 4 && a.Length != 16)
                || !PlainRules.AreHostPorts(request.HostPorts))
            {
                return null;
            }

            return new EndpointSpec
            {
                Node = "node-1",
                Origin = ApiOrigin.Offload,
                Key = ToKey(request.Key),
                Kind = request.Kind == Kind.Host
                    ? ACCOffload.InfraManager.State.Values.EndpointKind.Host
                    : ACCOffload.InfraManager.State.Values.EndpointKind.Pod,
                Device = device.Kind == "tap" ? DeviceKind.Tap : DeviceKind.Veth,
                PortName = device.PortName,
                Mac = MacAddress.Parse(string.Join(':', device.Mac.Select(b => b.ToString("x2", null)))),
                Addresses = [.. request.Addresses.Select(a => new IPAddress(a.ToByteArray()))],
                Mtu = (int)request.Mtu,
                HostPorts = [.. request.HostPorts.Select(p => new HostPort((System.Net.Sockets.ProtocolType)p.Protocol, (ushort)p.Port,
                    (ushort)p.PodPort, p.Address.IsEmpty ? null : new IPAddress(p.Address.ToByteArray())))],
                PodNamespace = request.PodNamespace,
                PodName = request.PodName,
                PodUid = request.PodUid,
                Epoch = request.Epoch,
                Sequence = request.Sequence,
            };
        }
    }
}
