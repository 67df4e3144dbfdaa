using System.Collections;
using System.Globalization;
using System.Net;
using System.Numerics;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;
using ACCOffload.Metrics;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Binds the file and the environment to <see cref="Settings"/>. docs/configuration.md describes each key.</summary>
internal static class SettingsLoader
{
    public const string DefaultFile = "/etc/accoffload/inframanager.json";

    /// <summary>The agent's sections, for a machine that is both host and ACC.</summary>
    private static readonly string[] Foreign = ["Acc", "Agent", "Device", "HostInterface", "Mtu"];

    private const string PathRemedy = "give an absolute path";
    private const string AddressRemedy = "give an IP address such as 192.0.2.10";
    private const string RangeRemedy = "give a range such as 10.244.1.0/24";
    private const string UplinkMacRemedy = "give this node's own unicast MAC address on the node network";
    private const string ListenRemedy = "give address:port such as 0.0.0.0:50002";
    private const string ServerRemedy = "give unix:/path or https://host:port";

    /// <summary>Reads and validates the configuration.</summary>
    /// <param name="file">The file given with --config; null for the default one, which may be missing.</param>
    /// <param name="environment">The environment variables.</param>
    /// <param name="sections">The sections that must be valid; null for all. Unknown keys are refused in every section.</param>
    /// <exception cref="ConfigurationException">The configuration is invalid; the exception lists every error.</exception>
    public static Settings Load(string? file, IDictionary environment, IReadOnlyCollection<string>? sections = null)
    {
        var tree = ConfigurationTree.Load(file ?? DefaultFile, required: file is not null, environment, Foreign);
        var (settings, errors) = Read(tree, out _);
        var relevant = sections is null
            ? errors
            : [.. errors.Where(e => e.Reason == ConfigurationReader.UnknownKey
                || sections.Contains(e.Key.Split(':')[0], StringComparer.OrdinalIgnoreCase))];
        return relevant.Count == 0 ? settings : throw new ConfigurationException(relevant);
    }

    /// <summary>Every key and its default as text, for the test of the documentation.</summary>
    public static IReadOnlyDictionary<string, string> Defaults()
    {
        _ = Read(ConfigurationTree.Load("/nonexistent/none.json", required: false, new Hashtable(), Foreign), out var reader);
        return reader.Defaults;
    }

    /// <summary>Returns a function that rereads the configuration while the process runs.</summary>
    /// <param name="file">The file given with --config; null for the default one.</param>
    /// <param name="sections">The sections that must be valid; null for all.</param>
    /// <param name="started">The settings that the process started with.</param>
    public static Func<ReloadedConfiguration> ReloadOf(string? file, IReadOnlyCollection<string>? sections, Settings started)
    {
        var running = Fingerprint(started);
        return () =>
        {
            var settings = Load(file, Environment.GetEnvironmentVariables(), sections);
            return new ReloadedConfiguration(settings.Logging, Fingerprint(settings) != running);
        };
    }

    /// <summary>All settings except the log levels as one string: if it is unchanged, no restart is needed.</summary>
    public static string Fingerprint(Settings settings)
    {
        static string List<T>(IEnumerable<T> items) => string.Join(',', items);
        var node = settings.Node;
        var api = settings.Api;
        return string.Join(
            '|',
            node.Name,
            List(node.PodRanges),
            List(node.NodeAddresses),
            List(node.HostAddresses),
            List(node.VirtualRanges),
            List(node.ExternalRanges),
            node.NodePorts,
            node.Gateway,
            node.GatewayMac,
            node.MasqueradePorts,
            node.Uplink is { } uplink ? $"{uplink.Port} {uplink.Mac} {string.Join(", ", uplink.Routes)} {uplink.Mtu}" : "",
            node.Mtu,
            List(node.Devices.Kinds),
            List(node.Devices.Ports),
            List(node.Devices.Macs),
            node.Devices.PortRule,
            node.Devices.MaxPorts,
            node.Profile,
            node.ArpPort,
            api with { FingerprintRoles = new Dictionary<string, string>() },
            List(api.FingerprintRoles.OrderBy(e => e.Key, StringComparer.Ordinal)),
            settings.Target with { Ports = TargetPorts.None },
            settings.Target.Ports.CreatedExternally,
            List(settings.Target.Ports.Names),
            settings.SoftTarget with { ClientRoles = [] },
            List(settings.SoftTarget.ClientRoles),
            settings.Pipeline,
            settings.Store,
            settings.Control,
            settings.Limits,
            settings.Logging.Format,
            settings.Kubernetes with { Servers = [] },
            List(settings.Kubernetes.Servers),
            settings.Services,
            settings.ArpProxy,
            List(settings.Subfunctions.OrderBy(s => s.Key, StringComparer.Ordinal)),
            settings.MetricsListen);
    }

    private static (Settings Settings, IReadOnlyList<ConfigurationError> Errors) Read(
        ConfigurationTree tree, out ConfigurationReader reader)
    {
        reader = new ConfigurationReader(tree);
        var settings = new Settings(
            tree.Home,
            ReadNode(reader),
            ReadApi(reader),
            ReadTarget(reader),
            ReadSoftTarget(reader),
            new PipelineSettings(
                reader.Value<string?>("Pipeline:Directory", "", Parsers.OptionalPath, PathRemedy)
                    ?? Path.Combine(AppContext.BaseDirectory, "pipeline"),
                reader.Value<string?>("Pipeline:Package", "", Parsers.OptionalPath, PathRemedy),
                reader.Value<string?>("Pipeline:P4Info", "", Parsers.OptionalPath, PathRemedy)),
            new StoreSettings(reader.Value<string>("Store:Path", "/var/lib/accoffload/inframanager.db", Parsers.AbsolutePath, PathRemedy)),
            new ControlSettings(reader.Value<string>("Control:Socket", "/run/accoffload/control.sock", Parsers.SocketPath, PathRemedy)),
            new LimitsSettings(
                (int)reader.Number("Limits:QueueIntents", 16384, 1, 1 << 20),
                reader.Number("Limits:QueueBytes", 64 << 20, 1 << 16, 1L << 32),
                TimeSpan.FromSeconds(reader.Number("Limits:ShutdownSeconds", 10, 1, 300))),
            LoggingSettings.Read(reader, Features.Log),
            ReadKubernetes(reader),
            new ServicesSettings(
                reader.Value<ServicesSource>("Services:Source", "watch", Parsers.Name, "give watch or agent"),
                reader.Value<IPAddress?>(
                    "Services:HealthCheckAddress", "", Parsers.OptionalAddress, "give an IP address of this machine, or \"\" for none")),
            new ArpProxySettings(reader.Value<string?>(
                "ArpProxy:Interface", "", DeviceParsers.OptionalInterface,
                "give the name of an interface of this machine, or \"\" for none")),
            reader.Map<SubfunctionSettings>(
                "Subfunctions", DeviceParsers.InterfaceKey, SubfunctionSettings.Parse, SubfunctionSettings.Remedy),
            MetricsListen.Read(reader));
        // No endpoint may get the number of one of the ACC's own interfaces.
        settings = settings with
        {
            Node = settings.Node with { OwnMacs = [.. settings.Subfunctions.Values.Select(s => s.Mac).OfType<MacAddress>()] },
        };
        settings = settings with { Node = settings.Node with { Devices = settings.Node.Devices with { Pool = LentPorts(settings) } } };
        CheckAddresses(reader, settings.Node);
        CheckOwnApi(reader, settings);
        CheckSoftTarget(reader, settings);
        CheckProfile(reader, settings);
        reader.RefuseUnknown();
        return (settings, reader.Errors);
    }

    private static NodeSettings ReadNode(ConfigurationReader reader) => new()
    {
        Name = reader.Value<string>(
            "Node:Name", Environment.MachineName.ToLowerInvariant(), NodeParsers.NodeName, "give the node's name in Kubernetes"),
        PodRanges = reader.List<IPNetwork>(
            "Node:PodRanges", Parsers.Network, RangeRemedy, missing: "is missing: the node's pods have no addresses"),
        NodeAddresses = reader.List<IPAddress>("Node:NodeAddresses", Parsers.Address, AddressRemedy),
        HostAddresses = reader.List<IPAddress>("Node:HostAddresses", Parsers.Address, AddressRemedy),
        VirtualRanges = reader.List<IPNetwork>("Node:VirtualRanges", Parsers.Network, RangeRemedy),
        ExternalRanges = reader.List<IPNetwork>("Node:ExternalRanges", Parsers.Network, RangeRemedy),
        NodePorts = reader.Value<PortSpan>(
            "Node:NodePorts", "30000-32767", PortSpan.Parse, "give the cluster's range of node ports such as 30000-32767"),
        Gateway = reader.Value<IPAddress>("Node:Gateway", "169.254.1.1", Parsers.Address, AddressRemedy),
        GatewayMac = reader.Value<MacAddress>(
            "Node:GatewayMac", "02:ac:c0:00:00:01", NodeParsers.Mac, "give a unicast MAC address such as 02:ac:c0:00:00:01"),
        MasqueradePorts = reader.Value<PortRange>("Node:MasqueradePorts", "12000-29999", PortRange.Parse, "give ports such as 12000-29999"),
        Profile = reader.Value<PipelineProfile>(
            "Pipeline:Profile", "k8s_dp", PipelineProfiles.Parse, $"give one of {PipelineProfiles.Names}"),
        ArpPort = reader.Value<uint?>(
            "ArpProxy:Port", "", DeviceParsers.OptionalPort,
            "give the number of a port of the target, or \"\" for the one that the profile implies"),
        Uplink = ReadUplink(reader),
        Mtu = (int)reader.Number("Node:Mtu", 1500, 576, 9216),
        Devices = ReadDevices(reader),
    };

    private static DeviceRules ReadDevices(ConfigurationReader reader)
    {
        var rules = ReadDeviceLists(reader);
        var most = (int)reader.Number("Devices:MaxPorts", 0, 0, 65535);
        if (rules.PortRule == PortRule.Mac && most > DeviceRules.MaxVports)
        {
            reader.Fail(
                "Devices:MaxPorts", most.ToString(CultureInfo.InvariantCulture),
                $"is more than {DeviceRules.MaxVports}, the maximum number of vports with Target:PortRule mac",
                $"give 1 to {DeviceRules.MaxVports}, or 0 for {DeviceRules.MaxVports}");
        }

        return rules with { MaxPorts = rules.PortRule == PortRule.Mac && most == 0 ? DeviceRules.MaxVports : most };
    }

    private static DeviceRules ReadDeviceLists(ConfigurationReader reader) => new()
    {
        Kinds = reader.List<DeviceKind>("Devices:Kinds", DeviceParsers.Kind, $"give one of {DeviceKinds.Names}"),
        Ports = reader.List<string>("Devices:Ports", DeviceParsers.PortPattern, "give the name of a port, or a prefix and *"),
        Macs = reader.List<MacRange>(
            "Devices:Macs", DeviceParsers.MacRange,
            "give a MAC address, or the first of a range with its prefix length, such as 00:10:00:00:03:00/40"),
        PortRule = reader.Value<PortRule>("Target:PortRule", "gnmi", Parsers.Name, "give gnmi or mac"),
    };

    private static string? Empty(out MacAddress mac)
    {
        mac = default;
        return null;
    }

    private static UplinkSettings? ReadUplink(ConfigurationReader reader)
    {
        var port = reader.Value(
            "Node:Uplink:Port", "", (string text, out string name) => Any(text, out name), "give the name of the port at the target");
        var mac = reader.Value(
            "Node:Uplink:Mac", "", (string text, out MacAddress mac) => text.Length == 0 ? Empty(out mac) : NodeParsers.Mac(text, out mac),
            UplinkMacRemedy);
        if (port.Length > 0 && mac.IsZero)
        {
            reader.Fail("Node:Uplink:Mac", "", "is missing: neighbours need it to reach the node", UplinkMacRemedy);
        }

        var routes = reader.List<UplinkRoute>(
            "Node:Uplink:Routes", NodeParsers.UplinkRoute,
            "give a prefix and the next hop's MAC address such as 0.0.0.0/0 via 02:00:00:00:00:01");
        var mtu = (int)reader.Number("Node:Uplink:Mtu", 0, 0, 9216);
        if (mtu is > 0 and < 576)
        {
            reader.Fail(
                "Node:Uplink:Mtu", $"{mtu}", "is too small",
                "give an integer from 576 to 9216, or 0 if the uplink takes what endpoints send");
        }

        return port.Length == 0 ? null : new UplinkSettings(port, mac, routes, mtu);
    }

    private static ApiSettings ReadApi(ConfigurationReader reader) => new(
        reader.Value<IPEndPoint>("Api:Listen", "0.0.0.0:50002", Parsers.EndPoint, ListenRemedy),
        reader.Value<IPEndPoint?>(
            "Api:HealthListen", "127.0.0.1:50096", Parsers.OptionalEndPoint, "give address:port such as 127.0.0.1:50096, or \"\" for none"),
        reader.Value<string>("Api:CertificateFile", "/etc/pki/inframanager/server/tls.crt", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Api:KeyFile", "/etc/pki/inframanager/server/tls.key", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Api:CaFile", "/etc/pki/inframanager/server/ca.crt", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string?>("Api:CrlFile", "", Parsers.OptionalPath, "give an absolute path, or \"\" for none"),
        reader.Map<string>(
            "Api:FingerprintRoles", NodeParsers.Fingerprint, NodeParsers.HostRole,
            "write the certificate's SHA-256 in hex as the key and host:NODE as the value")
            .ToDictionary(e => NodeParsers.NormalizeFingerprint(e.Key), e => e.Value, StringComparer.Ordinal),
        (int)reader.Number("Api:MaxMessageBytes", ProtocolLimits.MaxMessageBytes, 1 << 10, 256 << 20),
        (int)reader.Number("Api:MaxStreams", 100, 1, 10_000),
        new ConnectionLimits
        {
            MaxConnections = (int)reader.Number("Api:MaxConnections", 64, 1, 10_000),
            MaxHandshakes = (int)reader.Number("Api:MaxHandshakes", 256, 2, 10_000),
            MaxHandshakesPerAddress = (int)reader.Number("Api:MaxHandshakesPerAddress", 128, 1, 10_000),
            HandshakeTimeout = TimeSpan.FromSeconds(reader.Number("Api:HandshakeSeconds", 5, 1, 60)),
            Idle = TimeSpan.FromSeconds(reader.Number("Api:IdleSeconds", 60, 10, 86400)),
            RequestArrival = TimeSpan.FromSeconds(reader.Number("Api:RequestSeconds", 10, 1, 300)),
        });

    private static TargetSettings ReadTarget(ConfigurationReader reader) => new(
        reader.Value<TargetKind>("Target:Kind", "embedded", Parsers.Name, "give embedded or external"),
        reader.Value<string>("Target:P4Runtime", "unix:/run/accoffload/p4runtime.sock", Parsers.ServerAddress, ServerRemedy),
        reader.Value<string>("Target:Gnmi", "unix:/run/accoffload/p4runtime.sock", Parsers.ServerAddress, ServerRemedy),
        // Every server refuses device 0.
        (ulong)reader.Number("Target:DeviceId", 1, 1, long.MaxValue),
        reader.Value<string>("Target:CertificateFile", "/etc/pki/inframanager/client/tls.crt", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Target:KeyFile", "/etc/pki/inframanager/client/tls.key", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Target:CaFile", "/etc/pki/inframanager/client/ca.crt", Parsers.AbsolutePath, PathRemedy),
        reader.Value(
            "Target:ServerName", "", (string text, out string? name) => Optional(text, out name),
            "give the name in the server's certificate"),
        reader.Value<string?>("Target:ServerRole", "", Parsers.OptionalUri, "give the role's URI such as urn:accoffload:role:p4rt-server"),
        (int)reader.Number("Target:BatchSize", 4096, 1, 10_000),
        TimeSpan.FromSeconds(reader.Number("Target:RpcSeconds", 10, 1, 300)),
        reader.Value<TargetTraits?>("Target:Traits", "auto", TargetTraits.Parse, "give auto, soft, p4-dpdk or es2k"),
        ReadTargetPorts(reader));

    private static TargetPorts ReadTargetPorts(ConfigurationReader reader)
    {
        const string Key = "Target:Ports";
        const string Remedy = "give 1, 2, 4, 8, … different port names from the target's chassis configuration";
        var names = reader.List<string>(Key, DeviceParsers.PortName, Remedy);
        // P4-DPDK accepts only a power of two.
        if (names.Count > 0 && !BitOperations.IsPow2(names.Count))
        {
            reader.Fail(
                Key, names.Count.ToString(CultureInfo.InvariantCulture), "is not a power of two: the target would refuse the pipeline",
                Remedy);
        }

        if (names.Distinct(StringComparer.Ordinal).Count() != names.Count)
        {
            reader.Fail(Key, string.Join(' ', names), "names a port twice", Remedy);
        }

        return new TargetPorts(names, !reader.Flag("Target:MakePorts", true));
    }

    private static IReadOnlyList<string> LentPorts(Settings settings) =>
        settings.Node.Profile.LentPorts(settings.Target.Ports.Names, settings.Node);

    private static SoftTargetSettings ReadSoftTarget(ConfigurationReader reader) => new(
        reader.Value<string>(
            "SoftTarget:Listen", "unix:/run/accoffload/p4runtime.sock", Parsers.ListenAddress, "give unix:/path or address:port"),
        reader.Value<string>("SoftTarget:PortNamespace", "/run/netns/accoffload-dp", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string?>("SoftTarget:CertificateFile", "", Parsers.OptionalPath, PathRemedy),
        reader.Value<string?>("SoftTarget:KeyFile", "", Parsers.OptionalPath, PathRemedy),
        reader.Value<string?>("SoftTarget:CaFile", "", Parsers.OptionalPath, PathRemedy),
        reader.List<string>(
            "SoftTarget:ClientRoles", NodeParsers.Role,
            "give a role such as p4rt-client, which is urn:accoffload:role:p4rt-client in a certificate",
            fallback: CertificateRoles.P4RuntimeClient));

    private static KubernetesSettings ReadKubernetes(ConfigurationReader reader) => new(
        reader.Value<string>("Kubernetes:Kubeconfig", "/etc/accoffload/kubeconfig", Parsers.AbsolutePath, PathRemedy),
        reader.Value(
            "Kubernetes:Context", "", (string text, out string name) => Any(text, out name),
            "give the name of a context in the kubeconfig"),
        reader.List<Uri>("Kubernetes:Servers", Parsers.ApiServer, "give an address such as https://192.0.2.1:6443"));

    private static string? Any(string text, out string value)
    {
        value = text;
        return null;
    }

    private static string? Optional(string text, out string? value)
    {
        value = text.Length == 0 ? null : text;
        return null;
    }

    /// <summary>Checks keys against each other: no address may belong both to a pod and to something else.</summary>
    private static void CheckAddresses(ConfigurationReader reader, NodeSettings node)
    {
        if (reader.Errors.Count > 0)
        {
            return;
        }

        for (var i = 0; i < node.PodRanges.Count; i++)
        {
            var range = node.PodRanges[i];
            if (range.Contains(node.Gateway))
            {
                reader.Fail(
                    "Node:Gateway", node.Gateway.ToString(), $"lies in the pod range {range}",
                    "give an address that no pod can have, such as 169.254.1.1");
            }

            for (var j = 0; j < i; j++)
            {
                if (Overlap(range, node.PodRanges[j]))
                {
                    reader.Fail($"Node:PodRanges[{i}]", range.ToString(), $"overlaps {node.PodRanges[j]}", "remove one of them");
                }
            }
            foreach (var other in node.VirtualRanges.Where(v => Overlap(v, range)))
            {
                reader.Fail(
                    "Node:VirtualRanges", other.ToString(), $"overlaps the pod range {range}",
                    "give the cluster's service range, which contains no pod addresses");
            }

            foreach (var other in node.ExternalRanges.Where(v => Overlap(v, range)))
            {
                reader.Fail(
                    "Node:ExternalRanges", other.ToString(), $"overlaps the pod range {range}", "give addresses that no pod can have");
            }

            foreach (var address in node.NodeAddresses.Where(range.Contains))
            {
                reader.Fail("Node:NodeAddresses", address.ToString(), $"lies in the pod range {range}", "give the node's own addresses");
            }

            foreach (var address in node.HostAddresses.Where(range.Contains))
            {
                reader.Fail(
                    "Node:HostAddresses", address.ToString(), $"lies in the pod range {range}",
                    "give the addresses of the host's interface into the pipeline");
            }
        }
    }

    /// <summary>Checks that no service can take the address and port of this ACC itself.</summary>
    private static void CheckOwnApi(ConfigurationReader reader, Settings settings)
    {
        if (reader.Errors.Count > 0)
        {
            return;
        }

        var node = settings.Node;
        var listeners = new[]
        {
            ("Api:Listen", settings.Api.Listen),
            ("Api:HealthListen", settings.Api.HealthListen),
            (MetricsListen.Key, settings.MetricsListen),
        };
        foreach (var (key, own) in listeners)
        {
            if (own is null || IPAddress.IsLoopback(own.Address))
            {
                continue;
            }

            if (node.VirtualRanges.Concat(node.ExternalRanges).Any(r => r.Contains(own.Address)))
            {
                reader.Fail(
                    key, own.ToString(), "lies in Node:VirtualRanges or Node:ExternalRanges, so that a service could take its traffic",
                    "give ranges without the ACC's own address");
            }

            if (node.NodeAddresses.Contains(own.Address) && node.NodePorts.Contains((ushort)own.Port))
            {
                reader.Fail(
                    key, own.ToString(), $"is a port within Node:NodePorts ({node.NodePorts}), so that a service could take its traffic",
                    "give a port outside that range");
            }
        }
    }

    private static void CheckSoftTarget(ConfigurationReader reader, Settings settings)
    {
        var soft = settings.SoftTarget;
        if (reader.Errors.Count > 0)
        {
            return;
        }

        if (settings.Target.Kind == TargetKind.Embedded && !soft.Listen.StartsWith("unix:", StringComparison.Ordinal))
        {
            reader.Fail("SoftTarget:Listen", soft.Listen, "is not a unix socket, but the target is embedded", "give unix:/path");
        }

        if ((soft.CertificateFile is null) != (soft.KeyFile is null) || (soft.KeyFile is null) != (soft.CaFile is null))
        {
            reader.Fail(
                "SoftTarget:CertificateFile", soft.CertificateFile,
                "needs SoftTarget:KeyFile and SoftTarget:CaFile, and not all three are set",
                "give all three, or none for unix sockets and loopback addresses");
        }
    }

    /// <summary>Checks the profile: the packages of release 24.01 run on external targets only, and have no uplink.</summary>
    private static void CheckProfile(ConfigurationReader reader, Settings settings)
    {
        var node = settings.Node;
        if (reader.Errors.Count > 0)
        {
            return;
        }

        if (settings.Pipeline is { Package: null, P4Info: { } info })
        {
            reader.Fail(
                "Pipeline:P4Info", info, "belongs to a package, but Pipeline:Package is not set",
                "set Pipeline:Package, or remove Pipeline:P4Info");
        }

        if (node.Profile.IsBuiltIn)
        {
            if (settings.Pipeline.Package is { } package)
            {
                reader.Fail(
                    "Pipeline:Package", package, "is a package of release 24.01, and Pipeline:Profile is k8s_dp, our own pipeline",
                    "set Pipeline:Profile to es2k-24.01 or dpdk-24.01, or remove Pipeline:Package");
            }

            return;
        }

        var name = node.Profile.Name;
        if (settings.Target.Kind == TargetKind.Embedded)
        {
            reader.Fail(
                "Pipeline:Profile", name, "is a package that the embedded target does not run",
                "set Target:Kind to external, and Target:P4Runtime and Target:Gnmi to the server's addresses");
        }

        if (node.Profile.PortRule is { } rule && node.Devices.PortRule != rule)
        {
            reader.Fail(
                "Target:PortRule", node.Devices.PortRule.ToString().ToLowerInvariant(), $"is not supported by {name}",
                $"set it to {rule.ToString().ToLowerInvariant()}");
        }

        if (node.Uplink is { } uplink)
        {
            reader.Fail(
                "Node:Uplink:Port", uplink.Port, $"does not apply to {name}, which has no uplink of its own: the host forwards",
                "remove Node:Uplink");
        }
    }

    private static bool Overlap(IPNetwork a, IPNetwork b) => a.Contains(b.BaseAddress) || b.Contains(a.BaseAddress);
}
