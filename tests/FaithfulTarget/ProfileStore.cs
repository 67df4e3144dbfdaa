using Grpc.Core;
using P4.V1;
using Kind = P4.V1.Update.Types.Type;

namespace ACCOffload.FaithfulTarget;

/// <summary>Members and groups of the action profiles. Not thread-safe.</summary>
internal sealed class ProfileStore(LoadedPipeline pipeline, FaithfulBehaviours behaviours)
{
    private readonly SortedDictionary<(uint Profile, uint Id), ActionProfileMember> _members = [];
    private readonly SortedDictionary<(uint Profile, uint Id), ActionProfileGroup> _groups = [];
    private readonly Dictionary<(uint Profile, uint Id), int> _uses = [];
    private readonly RowRules _rules = new(pipeline);

    public IEnumerable<ActionProfileMember> Members => _members.Values;

    public IEnumerable<ActionProfileGroup> Groups => _groups.Values;

    public bool HasMember(uint profile, uint id) => _members.ContainsKey((profile, id));

    public bool HasGroup(uint profile, uint id) => _groups.ContainsKey((profile, id));

    public Outcome Write(Kind kind, ActionProfileMember member)
    {
        if (!pipeline.Profiles.TryGetValue(member.ActionProfileId, out var profile))
        {
            return new Outcome(StatusCode.NotFound, $"action profile {member.ActionProfileId} is unknown");
        }

        (uint, uint) key = (member.ActionProfileId, member.MemberId);
        if (ProfileExistence(kind, _members.ContainsKey(key)) is { IsOk: false } wrong)
        {
            return wrong;
        }

        if (kind == Kind.Modify && behaviours.IgnoresModify)
        {
            return Outcome.Ok;
        }

        if (kind == Kind.Delete)
        {
            if (behaviours.RefusesUsedMemberDeletes && _uses.GetValueOrDefault(key) > 0)
            {
                return Outcome.Internal("'table->entryDel' failed with error message: the member is in use.");
            }

            if (_groups.Values.Any(g => g.ActionProfileId == member.ActionProfileId && g.Members.Any(m => m.MemberId == member.MemberId)))
            {
                return new Outcome(StatusCode.FailedPrecondition, $"member {member.MemberId} is in a group");
            }

            _members.Remove(key);
            return Outcome.Ok;
        }

        HashSet<uint> allowed = [.. profile.TableIds.SelectMany(t => pipeline.Tables[t].ActionRefs).Select(a => a.Id)];
        if (_rules.CheckAction(member.Action ?? new P4.V1.Action(), allowed.Contains) is { IsOk: false } malformed)
        {
            return malformed;
        }

        _members[key] = member;
        return Outcome.Ok;
    }

    public Outcome Write(Kind kind, ActionProfileGroup group)
    {
        if (!pipeline.Profiles.ContainsKey(group.ActionProfileId))
        {
            return new Outcome(StatusCode.NotFound, $"action profile {group.ActionProfileId} is unknown");
        }

        (uint, uint) key = (group.ActionProfileId, group.GroupId);
        if (ProfileExistence(kind, _groups.ContainsKey(key)) is { IsOk: false } wrong)
        {
            return wrong;
        }

        if (kind == Kind.Delete)
        {
            CountUses(_groups[key], -1);
            _groups.Remove(key);
            return Outcome.Ok;
        }

        foreach (var member in group.Members)
        {
            if (!HasMember(group.ActionProfileId, member.MemberId))
            {
                return new Outcome(StatusCode.NotFound, $"member {member.MemberId} is unknown");
            }
        }

        // MODIFY counts the new members but does not release the old ones.
        CountUses(group, 1);
        _groups[key] = group;
        return Outcome.Ok;
    }

    private void CountUses(ActionProfileGroup group, int change)
    {
        foreach (var member in group.Members)
        {
            _uses[(group.ActionProfileId, member.MemberId)] = _uses.GetValueOrDefault((group.ActionProfileId, member.MemberId)) + change;
        }
    }

    /// <summary>The requested members; ID 0 selects all.</summary>
    public IEnumerable<Entity> Read(ActionProfileMember asked) => _members.Values
        .Where(m => IsRequested(asked.ActionProfileId, m.ActionProfileId) && IsRequested(asked.MemberId, m.MemberId))
        .Select(m => new Entity { ActionProfileMember = m });

    /// <summary>The requested groups; ID 0 selects all.</summary>
    public Outcome Read(ActionProfileGroup asked, List<Entity> into)
    {
        if (behaviours.RefusesGroupWildcards && (asked.ActionProfileId == 0 || asked.GroupId == 0))
        {
            return new Outcome(StatusCode.Unknown, "groups can't be read without an ID");
        }

        if (behaviours.RefusesGroupWildcards && !_groups.ContainsKey((asked.ActionProfileId, asked.GroupId)))
        {
            return new Outcome(StatusCode.NotFound, "'table->entryGet' failed with error message: Object not found.");
        }

        into.AddRange(_groups.Values
            .Where(g => IsRequested(asked.ActionProfileId, g.ActionProfileId) && IsRequested(asked.GroupId, g.GroupId))
            .Select(g => new Entity { ActionProfileGroup = g }));
        return Outcome.Ok;
    }

    private Outcome ProfileExistence(Kind kind, bool exists) => kind == Kind.Insert && exists && behaviours.ReportsDuplicatesAsFull
        ? new Outcome(StatusCode.ResourceExhausted, "'table->entryAdd' failed with error message: No system resources.")
        : Existence(kind, exists);

    /// <summary>Checks, as the specification requires, whether an update is valid for an existing or missing entry.</summary>
    public static Outcome Existence(Kind kind, bool exists) => (kind, exists) switch
    {
        (Kind.Insert, true) => new Outcome(StatusCode.AlreadyExists, "the entry already exists"),
        (Kind.Modify or Kind.Delete, false) => new Outcome(StatusCode.NotFound, "the entry does not exist"),
        (Kind.Unspecified, _) => Outcome.Invalid("the update has no type"),
        _ => Outcome.Ok,
    };

    private static bool IsRequested(uint asked, uint id) => asked == 0 || asked == id;
}
