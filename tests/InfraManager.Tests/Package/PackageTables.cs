using Google.Protobuf;
using Grpc.Core;
using P4.Config.V1;
using P4.V1;
using Action = P4.V1.Action;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>
/// The tables of a device described by a P4Info. They are as strict as the P4Runtime specification allows: they check IDs, match kinds,
/// widths, the shortest form of values, complete keys and parameters, sizes, and references between rows, members and groups.
/// </summary>
internal sealed class PackageTables(P4Info info)
{
    private readonly Dictionary<string, Entity> _entities = [];

    public IEnumerable<Entity> Entities => _entities.Values;

    public void Clear() => _entities.Clear();

    /// <exception cref="RpcException">Refused; nothing was changed.</exception>
    public void Apply(P4.V1.Update update)
    {
        var key = Check(update.Entity, update.Type);
        var exists = _entities.ContainsKey(key);
        switch (update.Type)
        {
            case P4.V1.Update.Types.Type.Insert when exists:
                throw Refusal(StatusCode.AlreadyExists, "already exists");
            case P4.V1.Update.Types.Type.Modify or P4.V1.Update.Types.Type.Delete when !exists:
                throw Refusal(StatusCode.NotFound, "does not exist");
            case P4.V1.Update.Types.Type.Delete:
                CheckUnused(update.Entity);
                _entities.Remove(key);
                break;
            case P4.V1.Update.Types.Type.Insert when update.Entity.TableEntry is { } row
                && _entities.Values.Count(e => e.TableEntry?.TableId == row.TableId) >= info.Tables.Single(t =>
                    t.Preamble.Id == row.TableId).Size:
                throw Refusal(StatusCode.ResourceExhausted, "the table is full");
            default:
                _entities[key] = update.Entity;
                break;
        }
    }

    public IEnumerable<Entity> Read(Entity asked) => asked.EntityCase switch
    {
        Entity.EntityOneofCase.TableEntry => _entities.Values.Where(e => e.TableEntry is { } r && r.TableId == asked.TableEntry.TableId),
        Entity.EntityOneofCase.ActionProfileMember =>
            _entities.Values.Where(e => e.ActionProfileMember is { } m && m.ActionProfileId == asked.ActionProfileMember.ActionProfileId),
        Entity.EntityOneofCase.ActionProfileGroup =>
            _entities.Values.Where(e => e.ActionProfileGroup is { } g && g.ActionProfileId == asked.ActionProfileGroup.ActionProfileId),
        _ => throw Refusal(StatusCode.Unimplemented, "this kind can't be read"),
    };

    /// <summary>All entities as text, one per line: table, values and action, in hexadecimal.</summary>
    public string[] Lines(string? table = null) =>
        [.. _entities.Values.Select(Line).Where(l => table is null || l.StartsWith(table + " ", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    private string Line(Entity entity)
    {
        switch (entity.EntityCase)
        {
            case Entity.EntityOneofCase.ActionProfileMember:
                var member = entity.ActionProfileMember;
                return $"{Profile(member.ActionProfileId).Preamble.Alias}.members {member.MemberId} -> {Line(member.Action)}";
            case Entity.EntityOneofCase.ActionProfileGroup:
                var group = entity.ActionProfileGroup;
                return $"{Profile(group.ActionProfileId).Preamble.Alias}.groups {group.GroupId} -> "
                    + $"{string.Join(',', group.Members.Select(m => m.MemberId).Order())}";
            default:
                var row = entity.TableEntry;
                var action = row.Action.TypeCase == TableAction.TypeOneofCase.ActionProfileGroupId
                    ? $"group {row.Action.ActionProfileGroupId}"
                    : Line(row.Action.Action);
                return $"{info.Tables.Single(t => t.Preamble.Id == row.TableId).Preamble.Alias} "
                    + $"{string.Join(' ', row.Match.OrderBy(m => m.FieldId).Select(m => Hex(m.Exact.Value)))} -> {action}";
        }
    }

    private string Line(Action action) =>
        $"{info.Actions.Single(a => a.Preamble.Id == action.ActionId).Preamble.Alias}({string.Join(", ", action.Params.OrderBy(p => p.ParamId).Select(p => Hex(p.Value)))})";

    private static string Hex(ByteString value) =>
        Convert.ToHexStringLower(value.Span).TrimStart('0') is { Length: > 0 } digits ? digits : "0";

    private string Check(Entity entity, P4.V1.Update.Types.Type kind)
    {
        var isDelete = kind == P4.V1.Update.Types.Type.Delete;
        switch (entity.EntityCase)
        {
            case Entity.EntityOneofCase.TableEntry:
                return CheckRow(entity.TableEntry, isDelete);
            case Entity.EntityOneofCase.ActionProfileMember:
                var member = entity.ActionProfileMember;
                var profile = Profile(member.ActionProfileId);
                if (member.MemberId == 0)
                {
                    throw Refusal(StatusCode.InvalidArgument, "member 0");
                }

                if (!isDelete)
                {
                    CheckAction(member.Action,
                        info.Tables.Where(t => t.ImplementationId == profile.Preamble.Id).SelectMany(t => t.ActionRefs));
                }

                return $"m {member.ActionProfileId} {member.MemberId}";
            case Entity.EntityOneofCase.ActionProfileGroup:
                var group = entity.ActionProfileGroup;
                if (!Profile(group.ActionProfileId).WithSelector || group.GroupId == 0)
                {
                    throw Refusal(StatusCode.InvalidArgument, "no group");
                }

                if (!isDelete)
                {
                    CheckGroup(group);
                }

                return $"g {group.ActionProfileId} {group.GroupId}";
            default:
                throw Refusal(StatusCode.Unimplemented, $"{entity.EntityCase}");
        }
    }

    private void CheckGroup(ActionProfileGroup group)
    {
        if (group.MaxSize is < 1 or > 128 || group.Members.Count > group.MaxSize)
        {
            throw Refusal(StatusCode.InvalidArgument, $"{group.Members.Count} members, max_size {group.MaxSize}");
        }

        if (group.Members.Select(m => m.MemberId).Distinct().Count() != group.Members.Count || group.Members.Any(m => m.Weight < 1))
        {
            throw Refusal(StatusCode.InvalidArgument, "a duplicate member, or one without a weight");
        }

        foreach (var m in group.Members)
        {
            if (!_entities.ContainsKey($"m {group.ActionProfileId} {m.MemberId}"))
            {
                throw Refusal(StatusCode.NotFound, $"member {m.MemberId}");
            }
        }
    }

    private string CheckRow(TableEntry row, bool isDelete)
    {
        var table = info.Tables.FirstOrDefault(t => t.Preamble.Id == row.TableId)
            ?? throw Refusal(StatusCode.NotFound, $"table id {row.TableId:x8}");
        if (row.Priority != 0 || row.IsDefaultAction || row.IdleTimeoutNs != 0 || row.Metadata.Length > 0)
        {
            throw Refusal(StatusCode.InvalidArgument, "priority, default, idle timeout or metadata");
        }

        if (row.Match.Count != table.MatchFields.Count)
        {
            throw Refusal(StatusCode.InvalidArgument, $"{row.Match.Count} match fields, not {table.MatchFields.Count}");
        }

        foreach (var field in table.MatchFields)
        {
            var match = row.Match.SingleOrDefault(m => m.FieldId == field.Id)
                ?? throw Refusal(StatusCode.InvalidArgument, $"no {field.Name}");
            CheckValue((match.Exact ?? throw Refusal(StatusCode.InvalidArgument, $"{field.Name} is not exact")).Value, field.Bitwidth);
        }

        if (!isDelete && table.ImplementationId == 0)
        {
            CheckAction((row.Action ?? throw Refusal(StatusCode.InvalidArgument, "no action")).Action, table.ActionRefs);
        }
        else if (!isDelete && (row.Action?.TypeCase != TableAction.TypeOneofCase.ActionProfileGroupId
            || !_entities.ContainsKey($"g {table.ImplementationId} {row.Action.ActionProfileGroupId}")))
        {
            throw Refusal(StatusCode.NotFound, "no such group");
        }

        return $"t {row.TableId} {string.Join(' ', row.Match.OrderBy(m => m.FieldId).Select(m => Hex(m.Exact.Value)))}";
    }

    private void CheckAction(Action? action, IEnumerable<ActionRef> offered)
    {
        if (action is null || !offered.Any(r => r.Id == action.ActionId && r.Scope != ActionRef.Types.Scope.DefaultOnly))
        {
            throw Refusal(StatusCode.InvalidArgument, $"action id {action?.ActionId:x8} is not offered");
        }

        var known = info.Actions.Single(a => a.Preamble.Id == action.ActionId);
        if (action.Params.Count != known.Params.Count)
        {
            throw Refusal(StatusCode.InvalidArgument, $"{action.Params.Count} parameters, not {known.Params.Count}");
        }

        foreach (var param in known.Params)
        {
            CheckValue((action.Params.SingleOrDefault(p => p.ParamId == param.Id)
                ?? throw Refusal(StatusCode.InvalidArgument, $"no {param.Name}")).Value, param.Bitwidth);
        }
    }

    private static void CheckValue(ByteString value, int bits)
    {
        if (value.Length == 0 || (value.Length > 1 && value[0] == 0))
        {
            throw Refusal(StatusCode.InvalidArgument, "a value is not in its shortest form");
        }

        if (((value.Length - 1) * 8) + 32 - System.Numerics.BitOperations.LeadingZeroCount(value[0]) > bits)
        {
            throw Refusal(StatusCode.OutOfRange, $"a value does not fit in {bits} bits");
        }
    }

    private void CheckUnused(Entity entity)
    {
        var used = entity.EntityCase switch
        {
            Entity.EntityOneofCase.ActionProfileMember => _entities.Values.Any(e => e.ActionProfileGroup is { } g
                && g.ActionProfileId == entity.ActionProfileMember.ActionProfileId
                && g.Members.Any(m => m.MemberId == entity.ActionProfileMember.MemberId)),
            Entity.EntityOneofCase.ActionProfileGroup =>
                _entities.Values.Any(e => e.TableEntry?.Action?.ActionProfileGroupId == entity.ActionProfileGroup.GroupId
                && info.Tables.Single(t =>
                    t.Preamble.Id == e.TableEntry.TableId).ImplementationId == entity.ActionProfileGroup.ActionProfileId),
            _ => false,
        };
        if (used)
        {
            throw Refusal(StatusCode.FailedPrecondition, "is in use");
        }
    }

    private ActionProfile Profile(uint id) =>
        info.ActionProfiles.FirstOrDefault(p => p.Preamble.Id == id) ?? throw Refusal(StatusCode.NotFound, $"action profile {id:x8}");

    public static RpcException Refusal(StatusCode code, string text) => new(new Status(code, text));
}
