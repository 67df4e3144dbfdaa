using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Target;

/// <summary>
/// The capabilities of a kind of target. Everything that differs between targets is decided by this value; docs/targets.md lists the
/// versions on which each was observed.
/// </summary>
internal sealed record TargetTraits
{
    /// <summary>The P4Runtime version string of Stratum, and so of every infrap4d.</summary>
    private const string StratumVersion = "P4RUNTIME_VER";

    /// <summary>The soft target, and any server that follows the specification.</summary>
    public static TargetTraits Soft { get; } = new() { Name = "soft" };

    /// <summary>infrap4d for P4-DPDK.</summary>
    public static TargetTraits P4Dpdk { get; } = new()
    {
        Name = "p4-dpdk",
        CanReplacePipeline = false,
        CanModify = false,
        TakesPorts = false,
        TellsAbsentPorts = false,
        WritesAreReliable = false,
        ReadsWholeCounters = false,
        ReadsRowCounters = false,
        ReadsRegisters = false,
        ListsGroups = false,
        ListsLearned = false,
    };

    /// <summary>infrap4d for the E2100.</summary>
    public static TargetTraits Es2k { get; } =
        new() { Name = "es2k", CanReplacePipeline = false, ReadsWholeCounters = false, ListsLearned = false };

    /// <summary>Its name in the configuration and in status.</summary>
    public required string Name { get; init; }

    /// <summary>A pipeline can be replaced at run time. Otherwise the push terminates the target, and it has to be restarted.</summary>
    public bool CanReplacePipeline { get; init; } = true;

    /// <summary>
    /// Ports can be created at any time with any name. Otherwise only those of Target:Ports can be used, and a pipeline is accepted only
    /// after they exist.
    /// </summary>
    public bool TakesPorts { get; init; } = true;

    /// <summary>
    /// A request for the number of an absent port fails. Otherwise it returns 0, which is also the number of the first port.
    /// </summary>
    public bool TellsAbsentPorts { get; init; } = true;

    /// <summary>
    /// A row can be modified. Otherwise MODIFY returns OK and changes nothing (for a group, it changes the reported members but not where
    /// packets go), so a row is deleted and inserted again.
    /// </summary>
    public bool CanModify { get; init; } = true;

    /// <summary>A write answered with OK was applied. Otherwise writes are read back.</summary>
    public bool WritesAreReliable { get; init; } = true;

    /// <summary>A counter can be read as a whole. Otherwise it is read index by index.</summary>
    public bool ReadsWholeCounters { get; init; } = true;

    /// <summary>The counters of a table's rows can be read.</summary>
    public bool ReadsRowCounters { get; init; } = true;

    /// <summary>Registers can be read.</summary>
    public bool ReadsRegisters { get; init; } = true;

    /// <summary>The groups of an action profile can be listed. Otherwise each is read by its ID, and unknown ones are not found.</summary>
    public bool ListsGroups { get; init; } = true;

    /// <summary>
    /// A Read of a table that the data plane fills returns its entries. Otherwise it returns none, whatever the table has.
    /// </summary>
    public bool ListsLearned { get; init; } = true;

    /// <summary>The traits of a target that reports this P4Runtime version.</summary>
    public static TargetTraits Of(string apiVersion, PipelineProfile profile) =>
        apiVersion != StratumVersion ? Soft : profile.IsForE2100 ? Es2k : P4Dpdk;

    /// <summary>
    /// Parses the name of a target kind. Returns null, or why the name is invalid. "auto" sets no traits: they are detected.
    /// </summary>
    public static string? Parse(string text, out TargetTraits? traits)
    {
        traits = text switch
        {
            "soft" => Soft,
            "p4-dpdk" => P4Dpdk,
            "es2k" => Es2k,
            _ => null,
        };
        return traits is null && text != "auto" ? "unknown kind of target" : null;
    }
}
