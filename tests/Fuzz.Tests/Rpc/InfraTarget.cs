using System.Globalization;
using System.Net;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.Infra;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>infra.InfraAgent: requests of a 24.01 agent, corrupted or with unusual contents.</summary>
internal sealed class InfraTarget(bool wire) : FuzzTarget(wire ? "rpc-infra-wire" : "rpc-infra-odd")
{
    public override FuzzSession Start(Dice dice) => new Session(wire);

    private sealed class Session : RpcSession
    {
        private readonly InfraAgentService _service;

        public Session(bool wire)
            : base(wire)
        {
            _service = new InfraAgentService(Core, Guard, AdmissionCore.Node, true, null, TimeProvider.System, NullLogger.Instance);
        }

        public override bool Step(Dice dice)
        {
            var accepted = dice.Below(10) switch
            {
                < 6 => Make(dice, CreateNetworkRequest.Parser, () => InfraMessages.Create(dice, odd: !Wire)) is { } request
                    && Create(request),
                < 9 => Make(dice, DeleteNetworkRequest.Parser, () => InfraMessages.Delete(dice, odd: !Wire)) is { } request
                    && Delete(request),
                _ => Make(dice, SetupHostInterfaceRequest.Parser, () => InfraMessages.Host(dice, odd: !Wire)) is { } request
                    && Host(request),
            };
            ExpectedModel.Compare(accepted);
            return accepted;
        }

        private bool Create(CreateNetworkRequest request)
        {
            var add = request.AddRequest;
            var addresses = add?.ContainerIps.Select(ip => Address(ip.Address)).ToArray() ?? [];
            EndpointSpec? spec = null;
            if (add is not null && add.Netns.Length > 0 && add.InterfaceName.Length > 0 && request.HostIfName.Length > 0
                && Mac(request.MacAddr) is { } mac
                && addresses.Length is > 0 and <= 16 && addresses.All(a => a is not null))
            {
                spec = Spec(add.Netns, add.InterfaceName, request.HostIfName, mac, addresses!,
                    ACCOffload.InfraManager.State.Values.EndpointKind.Pod) with
                {
                    PodNamespace = add.Workload?.Namespace ?? "",
                    PodName = add.Workload?.Pod ?? "",
                };
            }

            // A device of another pod: accepting this attachment ends the other one.
            var superseded = spec is null ? null : ExpectedModel.Endpoints
                .Where(e => e.Value.PortName == spec.PortName && e.Value.Kind == EndpointKind.Pod && e.Key.Key != spec.Key)
                .Select(e => (EndpointAddress?)e.Key).FirstOrDefault();
            var valid = spec is not null && ExpectedModel.IsValid(spec) && ExpectedModel.WouldAccept(spec, superseded);
            var reply = Ask(_service.CreateNetwork, request);
            AssertResult(valid, reply is { Successful: true });
            if (valid)
            {
                ExpectedModel.Attached(spec!, superseded);
            }

            return valid;
        }

        private bool Delete(DeleteNetworkRequest request)
        {
            var del = request.DelRequest;
            EndpointAddress? address = null;
            bool valid;
            if (del is { Netns.Length: > 0, InterfaceName.Length: > 0 })
            {
                valid = PlainRules.IsKey("infra", del.Netns, del.InterfaceName);
                address = new EndpointAddress(ApiOrigin.InfraAgent, new AttachmentKey("infra", del.Netns, del.InterfaceName));
            }
            else
            {
                var ip = Address(request.Ipv4Addr);
                valid = ip is not null;
                if (ExpectedModel.Endpoints.Any(e => e.Value.Kind == EndpointKind.Pod && e.Value.Addresses.Contains(ip!)))
                {
                    address = ExpectedModel.Endpoints.First(e => e.Value.Kind == EndpointKind.Pod && e.Value.Addresses.Contains(ip!)).Key;
                }
            }

            var reply = Ask(_service.DeleteNetwork, request);
            AssertResult(valid, reply is { Successful: true });
            if (valid && address is { } known)
            {
                ExpectedModel.Detached(known, default);
            }

            return valid;
        }

        private bool Host(SetupHostInterfaceRequest request)
        {
            EndpointSpec? spec = null;
            if (request.IfName.Length > 0 && Mac(request.MacAddr) is { } mac && Address(request.Ipv4Addr) is { } ip)
            {
                spec = Spec("host", "host", request.IfName, mac, [ip], EndpointKind.Host);
            }

            var valid = spec is not null && ExpectedModel.IsValid(spec) && ExpectedModel.WouldAccept(spec);
            var reply = Ask(_service.SetupHostInterface, request);
            AssertResult(valid, reply is { Successful: true });
            if (valid)
            {
                ExpectedModel.Attached(spec!);
            }

            return valid;
        }

        private static void AssertResult(bool valid, bool successful) =>
            FuzzFailure.Unless(successful == valid, valid ? "rejected a valid request" : "accepted an invalid request");

        private static EndpointSpec Spec(string netns, string interfaceName, string port, MacAddress mac, IPAddress[] addresses,
            EndpointKind kind) => new()
            {
                Node = "node-1",
                Origin = ApiOrigin.InfraAgent,
                Key = new AttachmentKey("infra", netns, interfaceName),
                Kind = kind,
                Device = DeviceKind.Tap,
                PortName = port,
                Mac = mac,
                Addresses = addresses,
            };

        /// <summary>An IPv4 address in canonical form or an IPv6 address, with or without a valid prefix length.</summary>
        private static IPAddress? Address(string text)
        {
            var parts = text.Split('/');
            if (parts.Length > 2)
            {
                return null;
            }

            var bits = 32;
            IPAddress address;
            var numbers = parts[0].Split('.');
            if (numbers.Length == 4 && !parts[0].Contains(':', StringComparison.Ordinal))
            {
                if (!numbers.All(IsOctet))
                {
                    return null;
                }

                address = new IPAddress([.. numbers.Select(n => byte.Parse(n, CultureInfo.InvariantCulture))]);
            }
            else
            {
                // IPv6, which this pipeline rejects anyway, is left to the library, except for an embedded IPv4 address.
                var end = parts[0][(parts[0].LastIndexOf(':') + 1)..].Split('.');
                if (!parts[0].Contains(':', StringComparison.Ordinal) || !parts[0].All(c => char.IsAsciiHexDigit(c) || c is ':' or '.')
                    || (end.Length > 1 && !end.All(IsOctet)) || !IPAddress.TryParse(parts[0], out address!))
                {
                    return null;
                }

                bits = 128;
            }

            if (parts.Length == 1)
            {
                return address;
            }

            return parts[1].Length > 0 && parts[1].All(char.IsAsciiDigit)
                && System.Numerics.BigInteger.Parse(parts[1], CultureInfo.InvariantCulture) <= bits ? address : null;
        }

        private static bool IsOctet(string n) =>
            n.Length is > 0 and <= 3 && n.All(char.IsAsciiDigit) && (n.Length == 1 || n[0] != '0')
                && int.Parse(n, CultureInfo.InvariantCulture) < 256;

        private static MacAddress? Mac(string text)
        {
            if (text.Length != 17 || (text[2] != ':' && text[2] != '-'))
            {
                return null;
            }

            var pairs = text.Split(text[2]);
            return pairs.Length == 6 && pairs.All(p => p.Length == 2 && p.All(char.IsAsciiHexDigit))
                ? new MacAddress(Convert.FromHexString(string.Concat(pairs)))
                : null;
        }
    }
}
