using P4.Config.V1;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>An accepted pipeline, with its P4Info objects indexed by ID.</summary>
internal sealed class LoadedPipeline(ForwardingPipelineConfig config, ContextFacts context)
{
    public ForwardingPipelineConfig Config { get; } = config;

    public ContextFacts Context { get; } = context;

    public Dictionary<uint, Table> Tables { get; } = (config.P4Info?.Tables ?? []).ToDictionary(t => t.Preamble.Id);

    public Dictionary<uint, P4.Config.V1.Action> Actions { get; } = (config.P4Info?.Actions ?? []).ToDictionary(a => a.Preamble.Id);

    public Dictionary<uint, ActionProfile> Profiles { get; } = (config.P4Info?.ActionProfiles ?? []).ToDictionary(p => p.Preamble.Id);

    public Dictionary<uint, Counter> Counters { get; } = (config.P4Info?.Counters ?? []).ToDictionary(c => c.Preamble.Id);

    /// <summary>Direct counters by the ID of their table.</summary>
    public Dictionary<uint, DirectCounter> RowCounters { get; } = (config.P4Info?.DirectCounters ?? []).ToDictionary(c => c.DirectTableId);

    public Dictionary<uint, Register> Registers { get; } = (config.P4Info?.Registers ?? []).ToDictionary(r => r.Preamble.Id);

    public bool IsLearner(Table table) => Context.Learners.Contains(table.Preamble.Name);

    public bool IsNested(Table table) => Context.Nested.Contains(table.Preamble.Name);

    public bool IsFirst(Table table) => Context.FirstTable == table.Preamble.Name;

    /// <summary>The name used for an entity in the log: that of its table or action profile, otherwise its type.</summary>
    public string NameOf(Entity entity) => entity.EntityCase switch
    {
        Entity.EntityOneofCase.TableEntry => TableName(entity.TableEntry.TableId),
        Entity.EntityOneofCase.ActionProfileMember => ProfileName(entity.ActionProfileMember.ActionProfileId),
        Entity.EntityOneofCase.ActionProfileGroup => ProfileName(entity.ActionProfileGroup.ActionProfileId),
        _ => entity.EntityCase.ToString(),
    };

    private string TableName(uint id) => Tables.TryGetValue(id, out var table) ? table.Preamble.Name : $"{id}";

    private string ProfileName(uint id) => Profiles.TryGetValue(id, out var profile) ? profile.Preamble.Name : $"{id}";
}
