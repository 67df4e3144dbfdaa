using System.Collections;
using System.Net;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;
using ACCOffload.Metrics;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Binds the file and the environment to <see cref="Settings"/>. docs/configuration.md describes each key.</summary>
internal static class SettingsLoader
{
    public const string DefaultFile = "/etc/accoffload/inframanager.json";

    /// <summary>The agent's sections. Their environment variables are ignored, because one machine may be both host and ACC.</summary>
    public static readonly IReadOnlyList<string> Foreign = ["Acc", "Agent", "Device", "HostInterface", "Mtu"];

    /// <summary>Reads and validates the configuration.</summary>
    /// <param name="file">The file given with --config; null for the default one, which may be missing.</param>
    /// <param name="environment">The environment variables.</param>
    /// <param name="sections">
    /// The sections that must be valid, such as Node or Node:Uplink; null for all. Unknown keys are refused in every section.
    /// </param>
    /// <exception cref="ConfigurationException">The configuration is invalid; the exception lists every error.</exception>
    public static Settings Load(string? file, IDictionary environment, IReadOnlyCollection<string>? sections = null)
    {
        var tree = ConfigurationTree.Load(file ?? DefaultFile, required: file is not null, environment, Foreign);
        var (settings, errors) = Read(tree, out _);
        var relevant = sections is null
            ? errors
            : [.. errors.Where(e => e.Reason == ConfigurationReader.UnknownKey
                || sections.Any(s => IsWithin(e.Key, s)))];
        return relevant.Count == 0 ? settings : throw new ConfigurationException(relevant);
    }

    /// <summary>Validates a configuration that is in no file yet; the environment does not count.</summary>
    /// <param name="name">Stands for the file in errors.</param>
    /// <param name="text">The configuration.</param>
    /// <exception cref="ConfigurationException">The configuration is invalid; the exception lists every error.</exception>
    public static Settings Parse(string name, byte[] text)
    {
        var (settings, errors) = Read(ConfigurationTree.Parse(name, text), out _);
        return errors.Count == 0 ? settings : throw new ConfigurationException(errors);
    }

    /// <summary>Every key and its default as text, for the documentation test.</summary>
    public static IReadOnlyDictionary<string, string> Defaults()
    {
        _ = Read(ConfigurationTree.Load("/nonexistent/none.json", required: false, new Hashtable(), Foreign), out var reader);
        return reader.Defaults;
    }

    /// <summary>Returns a function that rereads the configuration while the process runs.</summary>
    /// <param name="file">The file given with --config; null for the default one.</param>
    /// <param name="sections">The sections that must be valid; null for all.</param>
    /// <param name="started">The settings that the process started with.</param>
    public static Func<ReloadedConfiguration> CreateReloader(string? file, IReadOnlyCollection<string>? sections, Settings started)
    {
        var running = SettingsFingerprint.Of(started);
        return () =>
        {
            var settings = Load(file, Environment.GetEnvironmentVariables(), sections);
            return new ReloadedConfiguration(settings.Logging, SettingsFingerprint.Of(settings) != running);
        };
    }

    private static (Settings Settings, IReadOnlyList<ConfigurationError> Errors) Read(
        ConfigurationTree tree, out ConfigurationReader reader)
    {
        reader = new ConfigurationReader(tree);
        var services = new ServicesSettings(
            reader.Value<ServicesSource>("Services:Source", "watch", Parsers.Name, "give watch or agent"),
            reader.Value<IPAddress?>(
                "Services:HealthCheckAddress", "", Parsers.OptionalAddress, "give an IP address of this machine, or \"\" for none"));
        var settings = new Settings(
            tree.Home,
            NodeSection.Read(reader),
            ApiSection.Read(reader),
            TargetSection.Read(reader),
            TargetSection.ReadSoftTarget(reader),
            new PipelineSettings(
                reader.Value<string?>("Pipeline:Directory", "", Parsers.OptionalPath, Remedies.Path)
                    ?? Path.Combine(AppContext.BaseDirectory, "pipeline"),
                reader.Value<string?>("Pipeline:Package", "", Parsers.OptionalPath, Remedies.Path),
                reader.Value<string?>("Pipeline:P4Info", "", Parsers.OptionalPath, Remedies.Path)),
            new StoreSettings(
                reader.Value<string>("Store:Path", "/var/lib/accoffload/inframanager.db", Parsers.AbsolutePath, Remedies.Path)),
            new ControlSettings(reader.Value<string>("Control:Socket", "/run/accoffload/control.sock", Parsers.SocketPath, Remedies.Path)),
            new LimitsSettings(
                (int)reader.Number("Limits:QueueIntents", 16384, 1, 1 << 20),
                reader.Number("Limits:QueueBytes", 64 << 20, 1 << 16, 1L << 32),
                TimeSpan.FromSeconds(reader.Number("Limits:ShutdownSeconds", 10, 1, 300))),
            LoggingSettings.Read(reader, Features.Log),
            ReadKubernetes(reader),
            services,
            PolicySection.Read(reader, services.Source),
            new ArpProxySettings(reader.Value<string?>(
                "ArpProxy:Interface", "", DeviceParsers.OptionalInterface,
                "give the name of an interface of this machine, or \"\" for none")),
            reader.Map<SubfunctionSettings>(
                "Subfunctions", DeviceParsers.InterfaceKey, SubfunctionSettings.Parse, SubfunctionSettings.Remedy),
            MetricsListen.Read(reader));
        // An endpoint must not be assigned the port number of one of the ACC's own interfaces.
        settings = settings with
        {
            Node = settings.Node with { OwnMacs = [.. settings.Subfunctions.Values.Select(s => s.Mac).OfType<MacAddress>()] },
        };
        var devices = settings.Node.Devices with { Pool = AssignablePorts(settings) };
        settings = settings with { Node = settings.Node with { Devices = devices } };
        SettingsChecks.Check(reader, settings);
        reader.RefuseUnknown();
        return (settings, reader.Errors);
    }

    private static bool IsWithin(string key, string section) => key.StartsWith(section, StringComparison.OrdinalIgnoreCase)
        && (key.Length == section.Length || key[section.Length] is ':' or '[');

    private static IReadOnlyList<string> AssignablePorts(Settings settings) =>
        settings.Node.Profile.AssignablePorts(settings.Target.Ports.Names, settings.Node);

    private static KubernetesSettings ReadKubernetes(ConfigurationReader reader) => new(
        reader.Value<string>("Kubernetes:Kubeconfig", "/etc/accoffload/kubeconfig", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string>(
            "Kubernetes:Context", "", NodeParsers.AnyText,
            "give the name of a context in the kubeconfig"),
        reader.List<Uri>("Kubernetes:Servers", Parsers.ApiServer, "give a URL such as https://192.0.2.1:6443"));
}
