using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Server.State;

internal sealed partial class WriteBatch
{
    private Outcome ApplyMember(UpdateType type, ActionProfileMember member)
    {
        var outcome = FindProfile(member.ActionProfileId, out var profile);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (member.MemberId == 0)
        {
            return Outcome.Invalid($"action profile {profile.Profile.Name}: member_id is missing");
        }

        var exists = profile.Members.TryGetValue(member.MemberId, out var current);
        if (type != UpdateType.Insert && !exists)
        {
            return Outcome.NotFound($"action profile {profile.Profile.Name} has no member {member.MemberId}");
        }

        if (type == UpdateType.Insert && exists)
        {
            return Outcome.Exists($"action profile {profile.Profile.Name} already has a member {member.MemberId}");
        }

        if (type == UpdateType.Delete)
        {
            return DeleteMember(profile, current!);
        }

        if (member.Action is null)
        {
            return Outcome.Invalid($"action profile {profile.Profile.Name}, member {member.MemberId}: action is missing");
        }

        outcome = DecodeMember(profile, member.Action, out var action, out var data);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var canonical = new ActionProfileMember
        {
            ActionProfileId = member.ActionProfileId,
            MemberId = member.MemberId,
            Action = EntryWriter.ActionMessage(action, data),
        };
        if (type == UpdateType.Modify)
        {
            var old = current!.Message;
            current.Message = canonical;
            _journal.OnUndo(() => current.Message = old);
            _update.Modify(profile.Profile.MemberTable, MemberKey(member.MemberId), default, 0, action.Engine, data);
            return Outcome.Ok;
        }

        if (profile.OneShots.Count != 0)
        {
            return Outcome.Invalid($"action profile {profile.Profile.Name} is programmed with one-shot entries");
        }

        profile.Members.Add(member.MemberId, new ProfileMember(canonical));
        _journal.OnUndo(() => profile.Members.Remove(member.MemberId));
        return InsertMember(profile, member.MemberId, action, data);
    }

    private Outcome DeleteMember(ProfileState profile, ProfileMember member)
    {
        var id = member.Message.MemberId;
        if (member.Groups != 0 || member.Entries != 0)
        {
            return Outcome.Precondition(
                $"action profile {profile.Profile.Name}: member {id} is in use by "
                    + $"{member.Groups} groups and {member.Entries} table entries");
        }

        profile.Members.Remove(id);
        _journal.OnUndo(() => profile.Members.Add(id, member));
        _update.Delete(profile.Profile.MemberTable, MemberKey(id), default, 0);
        return Outcome.Ok;
    }

    private Outcome ApplyGroup(UpdateType type, ActionProfileGroup group)
    {
        var outcome = FindProfile(group.ActionProfileId, out var profile);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var name = profile.Profile.Name;
        if (profile.Profile.Selector < 0)
        {
            return Outcome.Invalid($"action profile {name} has no selector and therefore no groups");
        }

        if (group.GroupId == 0)
        {
            return Outcome.Invalid($"action profile {name}: group_id is missing");
        }

        var exists = profile.Groups.TryGetValue(group.GroupId, out var current);
        if (type != UpdateType.Insert && !exists)
        {
            return Outcome.NotFound($"action profile {name} has no group {group.GroupId}");
        }

        if (type == UpdateType.Delete)
        {
            return DeleteGroup(profile, current!);
        }

        if (type == UpdateType.Insert && exists)
        {
            return Outcome.Exists($"action profile {name} already has a group {group.GroupId}");
        }

        outcome = CheckGroup(profile, group);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (type == UpdateType.Modify)
        {
            var old = current!.Message;
            if (group.MaxSize != old.MaxSize)
            {
                return Outcome.Invalid($"action profile {name}, group {group.GroupId}: max_size can't be changed from {old.MaxSize}");
            }

            current.Message = group;
            _journal.OnUndo(() => current.Message = old);
            CountMembers(profile, old, -1);
            return SetGroup(profile, current);
        }

        if (profile.OneShots.Count != 0)
        {
            return Outcome.Invalid($"action profile {name} is programmed with one-shot entries");
        }

        if (profile.TakeGroup(_journal) is not { } engineId)
        {
            return Outcome.Full($"action profile {name} is full ({profile.Profile.GroupsMax} groups)");
        }

        var added = new ProfileGroup(group, engineId);
        profile.Groups.Add(group.GroupId, added);
        profile.ByEngineId.Add(engineId, added);
        _journal.OnUndo(() =>
        {
            profile.Groups.Remove(group.GroupId);
            profile.ByEngineId.Remove(engineId);
        });
        return SetGroup(profile, added);
    }

    private Outcome DeleteGroup(ProfileState profile, ProfileGroup group)
    {
        var id = group.Message.GroupId;
        if (group.Entries != 0)
        {
            return Outcome.Precondition($"action profile {profile.Profile.Name}: group {id} is in use by {group.Entries} table entries");
        }

        CountMembers(profile, group.Message, -1);
        profile.Groups.Remove(id);
        profile.ByEngineId.Remove(group.EngineId);
        _journal.OnUndo(() =>
        {
            profile.Groups.Add(id, group);
            profile.ByEngineId.Add(group.EngineId, group);
        });
        _update.SetGroup(profile.Profile.Selector, group.EngineId, []);
        profile.ReleaseGroup(group.EngineId, _journal);
        return Outcome.Ok;
    }

    private static Outcome CheckGroup(ProfileState profile, ActionProfileGroup group)
    {
        var where = $"action profile {profile.Profile.Name}, group {group.GroupId}";
        var limit = profile.Profile.MaxGroupSize;
        if (group.MaxSize < 0 || (limit > 0 && (group.MaxSize == 0 || group.MaxSize > limit)))
        {
            var rule = limit > 0 ? $"is not in the range 1 to {limit}" : "must not be negative";
            return Outcome.Invalid($"{where}: max_size {group.MaxSize} {rule}");
        }

        if (group.MaxSize > profile.Profile.MembersMax || group.Members.Count > profile.Profile.MembersMax)
        {
            return Outcome.Full($"{where}: the limit is {profile.Profile.MembersMax} members");
        }

        var ids = new HashSet<uint>();
        var weights = 0L;
        foreach (var member in group.Members)
        {
            if (!ids.Add(member.MemberId))
            {
                return Outcome.Invalid($"{where}: member {member.MemberId} is given twice");
            }

            if (!profile.Members.ContainsKey(member.MemberId))
            {
                return Outcome.NotFound($"{where}: the action profile has no member {member.MemberId}");
            }

            var outcome = CheckMember(where, member.Weight, member.Watch, member.WatchPort);
            if (!outcome.IsOk)
            {
                return outcome;
            }

            weights += member.Weight;
        }

        return group.MaxSize > 0 && weights > group.MaxSize
            ? Outcome.Full($"{where}: the sum of the weights {weights} exceeds max_size {group.MaxSize}")
            : weights > int.MaxValue ? Outcome.Full($"{where}: the sum of the weights {weights} is too large")
            : Outcome.Ok;
    }

    private static Outcome CheckMember(string where, int weight, int watch, ByteString watchPort)
        => weight <= 0 ? Outcome.Invalid($"{where}: weight {weight} must be above 0")
            : watch != 0 || !watchPort.IsEmpty ? Outcome.Unimplemented($"{where}: watch_port is not supported")
            : Outcome.Ok;

    private Outcome SetGroup(ProfileState profile, ProfileGroup group)
    {
        CountMembers(profile, group.Message, 1);
        var members = group.Message.Members.Select(m => new SwxMember(m.MemberId, (uint)m.Weight)).ToArray();
        return SetMembers(profile, group.EngineId, members);
    }

    private Outcome SetMembers(ProfileState profile, uint engineId, SwxMember[] members) =>
        _update.TrySetGroup(profile.Profile.Selector, engineId, members) is { } problem
            ? Outcome.Full($"action profile {profile.Profile.Name}: {problem}")
            : Outcome.Ok;

    private void CountMembers(ProfileState profile, ActionProfileGroup group, int by)
    {
        foreach (var member in group.Members.Select(m => profile.Members[m.MemberId]))
        {
            member.Groups += by;
            _journal.OnUndo(() => member.Groups -= by);
        }
    }

    private Outcome FindProfile(uint id, out ProfileState profile)
        => _state.Profiles.TryGetValue(id, out profile!) ? Outcome.Ok
            : Outcome.Invalid(id == 0 ? "action_profile_id is missing" : $"action_profile_id {id} is not in p4info");

    private static Outcome DecodeMember(ProfileState profile, P4.V1.Action message, out BoundTableAction action, out byte[] data)
    {
        var buffer = new byte[profile.Profile.Actions.Select(a => a.DataBytes).DefaultIfEmpty().Max()];
        var outcome = EntryDecoder.DecodeAction(
            message.ToByteArray(), profile.Profile.Actions, $"action profile {profile.Profile.Name}", buffer, out var found);
        action = found!;
        data = found is null ? [] : buffer[..found.DataBytes];
        return outcome;
    }

    private Outcome InsertMember(ProfileState profile, uint id, BoundTableAction action, byte[] data)
        => _update.Insert(profile.Profile.MemberTable, MemberKey(id), default, 0, action.Engine, data) == SwxChange.Ok
            ? Outcome.Ok
            : Outcome.Full(
                $"action profile {profile.Profile.Name} is full ({_state.Bound.Program.Tables[profile.Profile.MemberTable].Size} members)");

    private static byte[] MemberKey(uint id)
    {
        var key = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(key, id);
        return key;
    }
}
