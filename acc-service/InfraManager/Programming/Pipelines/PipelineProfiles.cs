using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Compile.Package;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Pipelines;

/// <summary>All pipeline profiles.</summary>
internal static class PipelineProfiles
{
    /// <summary>Our own pipeline, which is pushed to the target.</summary>
    public static PipelineProfile K8sDp { get; } = new K8sProfile();

    /// <summary>The k8s_dp package that release 24.01 ships for the E2100.</summary>
    public static PipelineProfile Es2k2401 { get; } = new Es2kProfile();

    /// <summary>The k8s_dp package of release 24.01 for P4-DPDK.</summary>
    public static PipelineProfile Dpdk2401 { get; } = new DpdkProfile();

    public static string Names => string.Join(", ", All.Select(p => p.Name));

    private static PipelineProfile[] All => [K8sDp, Es2k2401, Dpdk2401];

    /// <summary>Finds a profile by name. Returns null, or why the name is invalid.</summary>
    public static string? Parse(string text, out PipelineProfile profile)
    {
        var found = Array.Find(All, p => p.Name == text);
        profile = found ?? K8sDp;
        return found is null ? "is not a known profile" : null;
    }

    private sealed class K8sProfile : PipelineProfile
    {
        public override string Name => "k8s_dp";

        public override bool IsBuiltIn => true;

        public override TableOrder Order => K8sTableOrder.Instance;

        public override bool RoutesNodes => true;

        public override bool JudgesPolicy => true;

        public override PortRule? PortRule => null;

        public override ModelCompiler CreateCompiler(Pipeline pipeline, NodeSettings node) => new K8sCompiler(pipeline, node);
    }

    /// <summary>A package of release 24.01.</summary>
    private abstract class PackageProfile(string name) : PipelineProfile
    {
        public sealed override string Name => name;

        public sealed override bool IsBuiltIn => false;

        public sealed override TableOrder Order => PackageTableOrder.Instance;
    }

    private sealed class Es2kProfile() : PackageProfile(PackageName)
    {
        private const string PackageName = "es2k-24.01";

        public override bool IsForE2100 => true;

        public override ServiceLimits Services { get; } = new()
        {
            Name = PackageName,
            // The range that the 24.01 manager uses: six bits for the service, six for the endpoint.
            MaxPointer = 4095,
            LocalBackendsOnly = true,
            AlwaysUsesAllBuckets = true,
        };

        public override PortRule? PortRule => State.Node.PortRule.Mac;

        /// <summary>The vport with the gateway's MAC address, unless the configuration names another.</summary>
        public override uint? ArpPortOf(NodeSettings node) => node.ArpPort ?? VportNumbers.PortOf(node.GatewayMac);

        public override ModelCompiler CreateCompiler(Pipeline pipeline, NodeSettings node) => new Es2kCompiler(pipeline, node);
    }

    private sealed class DpdkProfile() : PackageProfile(PackageName)
    {
        private const string PackageName = "dpdk-24.01";
        private const uint DefaultArpPort = 0;

        public override ServiceLimits Services { get; } = new()
        {
            Name = PackageName,
            // Backends are members of an action profile, and P4-DPDK crashes on a group when the profile has 1,025 members or more.
            MaxPointer = 1023,
        };

        public override PortRule? PortRule => State.Node.PortRule.Gnmi;

        public override uint? ArpPortOf(NodeSettings node) => node.ArpPort ?? DefaultArpPort;

        /// <summary>All ports except that of the ARP responder. Ports are numbered in creation order.</summary>
        public override IReadOnlyList<string> AssignablePorts(IReadOnlyList<string> names, NodeSettings node) =>
            [.. names.Where((_, number) => number != ArpPortOf(node))];

        public override ModelCompiler CreateCompiler(Pipeline pipeline, NodeSettings node) => new DpdkCompiler(pipeline, node);
    }
}
