using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Model;

/// <summary>The specified effect of a sequence of batches, implemented in the simplest way: with a dictionary.</summary>
internal sealed class TableOracle
{
    private readonly Dictionary<string, TableEntry> _entries = [];
    private readonly Dictionary<uint, ActionProfileMember> _members = [];
    private readonly Dictionary<uint, ActionProfileGroup> _groups = [];

    public IEnumerable<TableEntry> Entries => _entries.Values;

    public IEnumerable<ActionProfileMember> Members => _members.Values;

    public IEnumerable<ActionProfileGroup> Groups => _groups.Values;

    public List<StatusCode> Apply(WriteRequest request)
    {
        var entries = _entries.ToDictionary();
        var members = _members.ToDictionary();
        var groups = _groups.ToDictionary();
        var codes = new List<StatusCode>();
        var atomic = request.Atomicity != WriteRequest.Types.Atomicity.ContinueOnError;
        foreach (var update in request.Updates)
        {
            var code = Apply(update.Clone());
            codes.Add(code);
            if (!atomic || code == StatusCode.OK)
            {
                continue;
            }

            Restore(_entries, entries);
            Restore(_members, members);
            Restore(_groups, groups);
            var failed = codes.Count - 1;
            return [.. request.Updates.Select((_, i) => i == failed ? code : StatusCode.Aborted)];
        }

        return codes;
    }

    private static void Restore<TKey, TValue>(Dictionary<TKey, TValue> to, Dictionary<TKey, TValue> from)
        where TKey : notnull
    {
        to.Clear();
        foreach (var (key, value) in from)
        {
            to.Add(key, value);
        }
    }

    private StatusCode Apply(Update update) => update.Entity.EntityCase switch
    {
        Entity.EntityOneofCase.TableEntry => Apply(update.Type, update.Entity.TableEntry),
        Entity.EntityOneofCase.ActionProfileMember => Apply(update.Type, update.Entity.ActionProfileMember),
        _ => Apply(update.Type, update.Entity.ActionProfileGroup),
    };

    private static string Key(TableEntry entry)
        => $"{entry.TableId}/{entry.Priority}/{string.Join(',', entry.Match.OrderBy(m => m.FieldId).Select(m => m.ToString()))}";

    private StatusCode Apply(UpdateType type, TableEntry entry)
    {
        var pipeline = TestPipeline.Conformance;
        var table = pipeline.Info.Tables.Single(t => t.Preamble.Id == entry.TableId);
        var exists = _entries.ContainsKey(Key(entry));
        if (type != UpdateType.Delete && table.Preamble.Alias == "service")
        {
            if (entry.Action.TypeCase == TableAction.TypeOneofCase.ActionProfileMemberId
                && !_members.ContainsKey(entry.Action.ActionProfileMemberId))
            {
                return StatusCode.NotFound;
            }

            if (entry.Action.TypeCase == TableAction.TypeOneofCase.ActionProfileGroupId
                && !_groups.ContainsKey(entry.Action.ActionProfileGroupId))
            {
                return StatusCode.NotFound;
            }
        }

        switch (type)
        {
            case UpdateType.Insert when exists:
                return StatusCode.AlreadyExists;
            case UpdateType.Insert when _entries.Values.Count(e => e.TableId == entry.TableId) >= table.Size:
                return StatusCode.ResourceExhausted;
            case UpdateType.Modify or UpdateType.Delete when !exists:
                return StatusCode.NotFound;
            case UpdateType.Delete:
                _entries.Remove(Key(entry));
                return StatusCode.OK;
            default:
                _entries[Key(entry)] = entry;
                return StatusCode.OK;
        }
    }

    private StatusCode Apply(UpdateType type, ActionProfileMember member)
    {
        var exists = _members.ContainsKey(member.MemberId);
        switch (type)
        {
            case UpdateType.Insert when exists:
                return StatusCode.AlreadyExists;
            case UpdateType.Modify or UpdateType.Delete when !exists:
                return StatusCode.NotFound;
            case UpdateType.Delete:
                if (_groups.Values.Any(g => g.Members.Any(m => m.MemberId == member.MemberId))
                    || _entries.Values.Any(e => e.Action.TypeCase == TableAction.TypeOneofCase.ActionProfileMemberId
                        && e.Action.ActionProfileMemberId == member.MemberId))
                {
                    return StatusCode.FailedPrecondition;
                }

                _members.Remove(member.MemberId);
                return StatusCode.OK;
            default:
                _members[member.MemberId] = member;
                return StatusCode.OK;
        }
    }

    private StatusCode Apply(UpdateType type, ActionProfileGroup group)
    {
        var exists = _groups.ContainsKey(group.GroupId);
        if (type == UpdateType.Insert && exists)
        {
            return StatusCode.AlreadyExists;
        }

        if (type != UpdateType.Insert && !exists)
        {
            return StatusCode.NotFound;
        }

        if (type == UpdateType.Delete)
        {
            if (_entries.Values.Any(
                e => e.Action.TypeCase == TableAction.TypeOneofCase.ActionProfileGroupId && e.Action.ActionProfileGroupId == group.GroupId))
            {
                return StatusCode.FailedPrecondition;
            }

            _groups.Remove(group.GroupId);
            return StatusCode.OK;
        }

        if (group.Members.Any(m => !_members.ContainsKey(m.MemberId)))
        {
            return StatusCode.NotFound;
        }

        _groups[group.GroupId] = group;
        return StatusCode.OK;
    }
}
