using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Target;

/// <summary>
/// What a kind of target can do, and how. Everything that differs between targets is asked of this value; docs/targets.md says on which
/// versions it was seen.
/// </summary>
internal sealed record TargetTraits
{
    /// <summary>What Stratum, and so every infrap4d, gives as the version of its P4Runtime.</summary>
    private const string StratumVersion = "P4RUNTIME_VER";

    /// <summary>The soft target, and any server that keeps to the specification.</summary>
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
    };

    /// <summary>infrap4d for the E2100.</summary>
    public static TargetTraits Es2k { get; } = new() { Name = "es2k", CanReplacePipeline = false, ReadsWholeCounters = false };

    /// <summary>Its name in the configuration and in status.</summary>
    public required string Name { get; init; }

    /// <summary>A pipeline may be pushed where another one runs. Otherwise that ends the target, and it has to be restarted.</summary>
    public bool CanReplacePipeline { get; init; } = true;

    /// <summary>
    /// A port can be made at any time, with any name. Otherwise only those of Target:Ports can be used, and the pipeline is taken only
    /// after them.
    /// </summary>
    public bool TakesPorts { get; init; } = true;

    /// <summary>
    /// The number of a port that is not there is refused. Otherwise 0 is given for it, which is also the first port's number.
    /// </summary>
    public bool TellsAbsentPorts { get; init; } = true;

    /// <summary>
    /// A row's action can be changed in place. Otherwise MODIFY is answered with OK and changes nothing (of a group: the numbers, and
    /// packets still go to who was in it): the row is deleted and inserted again.
    /// </summary>
    public bool CanModify { get; init; } = true;

    /// <summary>What is answered with OK was done. Otherwise what was written is read back.</summary>
    public bool WritesAreReliable { get; init; } = true;

    /// <summary>A counter is read as a whole; otherwise by its indexes.</summary>
    public bool ReadsWholeCounters { get; init; } = true;

    /// <summary>The counters of a table's rows can be read.</summary>
    public bool ReadsRowCounters { get; init; } = true;

    /// <summary>Registers can be read.</summary>
    public bool ReadsRegisters { get; init; } = true;

    /// <summary>
    /// The groups of an action profile can be listed. Otherwise each is read by its number, and what nobody knows of can't be found.
    /// </summary>
    public bool ListsGroups { get; init; } = true;

    /// <summary>The traits of a target that gives this P4Runtime version.</summary>
    public static TargetTraits Of(string apiVersion, PipelineProfile profile) =>
        apiVersion != StratumVersion ? Soft : profile.IsForE2100 ? Es2k : P4Dpdk;

    /// <summary>Null, or why the text is not valid. "auto" gives null: they are detected.</summary>
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
