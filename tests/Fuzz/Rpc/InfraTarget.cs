using System.Globalization;
using System.Net;
using ACCOffload.Fuzz.Engine;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.Infra;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Fuzz.Rpc;

/// <summary>infra.InfraAgent: what a 24.01 agent sends, damaged or odd.</summary>
internal sealed class InfraTarget(bool wire) : FuzzTarget(wire ? "rpc-infra-wire" : "rpc-infra-odd")
{
    public override FuzzSession Start(Dice dice) => new Session(wire);

    private sealed class Session : RpcSession
    {
        private readonly InfraAgentService _service;

        public Session(bool wire)
            : base(wire)
        {
            _service = new InfraAgentService(Core, Guard, JudgedCore.Node, true, TimeProvider.System, NullLogger.Instance);
        }

        public override bool Step(Dice dice)
        {
            var accepted = dice.Below(10) switch
            {
                < 6 => Make(dice, CreateNetworkRequest.Parser, () => InfraMessages.Create(dice, odd: !Wire)) is { } request && Create(request),
                < 9 => Make(dice, DeleteNetworkRequest.Parser, () => InfraMessages.Delete(dice, odd: !Wire)) is { } request && Delete(request),
                _ => Make(dice, SetupHostInterfaceRequest.Parser, () => InfraMessages.Host(dice, odd: !Wire)) is { } request && Host(request),
            };
            World.Compare(accepted);
            return accepted;
        }

        private bool Create(CreateNetworkRequest request)
        {
            var add = request.AddRequest;
            var addresses = add?.ContainerIps.Select(ip => Address(ip.Address)).ToArray() ?? [];
            EndpointSpec? spec = null;
            if (add is not null && add.Netns.Length > 0 && add.InterfaceName.Length > 0 && request.HostIfName.Length > 0 && Mac(request.MacAddr) is { } mac
                && addresses.Length is > 0 and <= 16 && addresses.All(a => a is not null))
            {
                spec = Spec(add.Netns, add.InterfaceName, request.HostIfName, mac, addresses!, ACCOffload.InfraManager.State.EndpointKind.Pod) with
                {
                    PodNamespace = add.Workload?.Namespace ?? "",
                    PodName = add.Workload?.Pod ?? "",
                };
            }

            // A device that another pod had: that pod's attachment is over, if this one is taken.
            var superseded = spec is null ? null : World.Endpoints
                .Where(e => e.Value.PortName == spec.PortName && e.Value.Kind == EndpointKind.Pod && e.Key.Key != spec.Key)
                .Select(e => (EndpointAddress?)e.Key).FirstOrDefault();
            var right = spec is not null && World.IsRight(spec) && World.WouldTake(spec, superseded);
            var reply = Ask(_service.CreateNetwork, request);
            Judge(right, reply is { Successful: true });
            if (right)
            {
                World.Attached(spec!, superseded);
            }

            return right;
        }

        private bool Delete(DeleteNetworkRequest request)
        {
            var del = request.DelRequest;
            EndpointAddress? address = null;
            bool right;
            if (del is { Netns.Length: > 0, InterfaceName.Length: > 0 })
            {
                right = PlainRules.IsKey("infra", del.Netns, del.InterfaceName);
                address = new EndpointAddress(ApiOrigin.InfraAgent, new AttachmentKey("infra", del.Netns, del.InterfaceName));
            }
            else
            {
                var ip = Address(request.Ipv4Addr);
                right = ip is not null;
                if (World.Endpoints.Any(e => e.Value.Kind == EndpointKind.Pod && e.Value.Addresses.Contains(ip!)))
                {
                    address = World.Endpoints.First(e => e.Value.Kind == EndpointKind.Pod && e.Value.Addresses.Contains(ip!)).Key;
                }
            }

            var reply = Ask(_service.DeleteNetwork, request);
            Judge(right, reply is { Successful: true });
            if (right && address is { } known)
            {
                World.Detached(known, default);
            }

            return right;
        }

        private bool Host(SetupHostInterfaceRequest request)
        {
            EndpointSpec? spec = null;
            if (request.IfName.Length > 0 && Mac(request.MacAddr) is { } mac && Address(request.Ipv4Addr) is { } ip)
            {
                spec = Spec("host", "host", request.IfName, mac, [ip], EndpointKind.Host);
            }

            var right = spec is not null && World.IsRight(spec) && World.WouldTake(spec);
            var reply = Ask(_service.SetupHostInterface, request);
            Judge(right, reply is { Successful: true });
            if (right)
            {
                World.Attached(spec!);
            }

            return right;
        }

        private static void Judge(bool right, bool successful) =>
            FuzzFailure.Unless(successful == right, right ? "refused what is right" : "accepted what is wrong");

        private static EndpointSpec Spec(string netns, string interfaceName, string port, MacAddress mac, IPAddress[] addresses, EndpointKind kind) => new()
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

        /// <summary>a.b.c.d as it is usually written, or an IPv6 address, each with or without a prefix length that fits.</summary>
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
                // The library's word is taken for IPv6, which this pipeline refuses anyway; but not for an IPv4 address at its end.
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

            return parts[1].Length > 0 && parts[1].All(char.IsAsciiDigit) && System.Numerics.BigInteger.Parse(parts[1], CultureInfo.InvariantCulture) <= bits ? address : null;
        }

        private static bool IsOctet(string n) =>
            n.Length is > 0 and <= 3 && n.All(char.IsAsciiDigit) && (n.Length == 1 || n[0] != '0') && int.Parse(n, CultureInfo.InvariantCulture) < 256;

        private static MacAddress? Mac(string text)
        {
            if (text.Length != 17 || (text[2] != ':' && text[2] != '-'))
            {
                return null;
            }

            var pairs = text.Split(text[2]);
            return pairs.Length == 6 && pairs.All(p => p.Length == 2 && p.All(char.IsAsciiHexDigit)) ? new MacAddress(Convert.FromHexString(string.Concat(pairs))) : null;
        }
    }
}
