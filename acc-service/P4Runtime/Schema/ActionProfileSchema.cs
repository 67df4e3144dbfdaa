using P4.Config.V1;
using Action = P4.Config.V1.Action;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>
/// An action profile. Its members and groups are handled as tables whose key is the id, so that they are written, read back and compared
/// like any other entry. All members of a group have weight 1.
/// </summary>
public sealed class ActionProfileSchema
{
    // 128 members of 32 bits are 4096 bits, the widest value supported.
    private const int MaxMembersPerGroup = 128;
    private const uint GroupAction = uint.MaxValue;

    internal ActionProfileSchema(Pipeline pipeline, P4Info info, ActionProfile profile, IReadOnlyDictionary<uint, Action> actions)
    {
        (Id, Name, Alias) = TableDescription.NameOf(profile.Preamble ?? new Preamble());
        HasGroups = profile.WithSelector;
        MaxGroupSize = Math.Min(
            MaxMembersPerGroup, profile.MaxGroupSize > 0 ? profile.MaxGroupSize : (int)Math.Clamp(profile.Size, 1, MaxMembersPerGroup));
        var members = Describe(profile, "members", "member_id");
        members.ActionRefs.AddRange(info.Tables.Where(t => t.ImplementationId == Id).SelectMany(t => t.ActionRefs).DistinctBy(r => r.Id));
        Members = new TableSchema(pipeline, new TableDescription(members, actions), TableKind.ProfileMembers);
        var groups = Describe(profile, "groups", "group_id");
        groups.ActionRefs.Add(new ActionRef { Id = GroupAction });
        var list = new Action
        {
            Preamble = new Preamble { Id = GroupAction, Name = "members" },
            Params = { new Action.Types.Param { Id = 1, Name = "members", Bitwidth = 32 * MaxGroupSize } },
        };
        Groups = new TableSchema(
            pipeline, new TableDescription(groups, new Dictionary<uint, Action> { [GroupAction] = list }), TableKind.ProfileGroups);
    }

    /// <summary>The P4Info id.</summary>
    public uint Id { get; }

    /// <summary>The full P4 name.</summary>
    public string Name { get; }

    /// <summary>The shortest unambiguous name.</summary>
    public string Alias { get; }

    /// <summary>Whether it is a selector, which has groups.</summary>
    public bool HasGroups { get; }

    /// <summary>Maximum number of members of a group; at most 128, even if the P4Info allows more.</summary>
    public int MaxGroupSize { get; }

    /// <summary>The members: the exact field <c>member_id</c>, and the actions of the tables that use the profile.</summary>
    public TableSchema Members { get; }

    /// <summary>The groups: the exact field <c>group_id</c>.</summary>
    public TableSchema Groups { get; }

    /// <inheritdoc/>
    public override string ToString() => Alias;

    private static Table Describe(ActionProfile profile, string suffix, string key) => new()
    {
        Preamble = new Preamble
        {
            Id = profile.Preamble.Id,
            Name = $"{profile.Preamble.Name}.{suffix}",
            Alias = $"{(profile.Preamble.Alias.Length > 0 ? profile.Preamble.Alias : profile.Preamble.Name)}.{suffix}",
        },
        Size = profile.Size,
        MatchFields = { new MatchField { Id = 1, Name = key, Bitwidth = 32, MatchType = MatchField.Types.MatchType.Exact } },
    };
}
