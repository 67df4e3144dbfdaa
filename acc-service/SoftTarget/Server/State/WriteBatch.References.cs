using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Wire;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <content>References of entries of tables with an action profile.</content>
internal sealed partial class WriteBatch
{
    /// <summary>
    /// Determines the engine's action for the decoded entry; for a table with a profile, also the reference that is the action's data.
    /// </summary>
    private Outcome Resolve(Span<byte> reference, out int action)
    {
        var table = _entry.Table;
        if (table.Profile is null)
        {
            action = _entry.Action.Engine;
            return Outcome.Ok;
        }

        var profile = _state.Profiles[table.Profile.Id];
        action = _entry.ActionKind == EntryActionKind.Member ? table.SetMemberAction : table.SetGroupAction;
        var outcome = _entry.ActionKind switch
        {
            EntryActionKind.Member => ReferenceMember(profile, _entry.Reference),
            EntryActionKind.Group => ReferenceGroup(profile, _entry.Reference),
            _ => AddOneShot(profile, _entry.OneShot!),
        };
        BinaryPrimitives.WriteUInt32BigEndian(reference, _resolved);
        return outcome;
    }

    private uint _resolved;

    private Outcome ReferenceMember(ProfileState profile, uint id)
    {
        if (profile.OneShots.Count != 0)
        {
            return Outcome.Invalid($"action profile {profile.Profile.Name} is programmed with one-shot entries");
        }

        if (!profile.Members.TryGetValue(id, out var member))
        {
            return Outcome.NotFound($"action profile {profile.Profile.Name} has no member {id}");
        }

        _resolved = id;
        member.Entries++;
        _journal.OnUndo(() => member.Entries--);
        return Outcome.Ok;
    }

    private Outcome ReferenceGroup(ProfileState profile, uint id)
    {
        if (profile.OneShots.Count != 0)
        {
            return Outcome.Invalid($"action profile {profile.Profile.Name} is programmed with one-shot entries");
        }

        if (!profile.Groups.TryGetValue(id, out var group))
        {
            return Outcome.NotFound($"action profile {profile.Profile.Name} has no group {id}");
        }

        _resolved = group.EngineId;
        group.Entries++;
        _journal.OnUndo(() => group.Entries--);
        return Outcome.Ok;
    }

    private Outcome AddOneShot(ProfileState profile, ActionProfileActionSet set)
    {
        var where = $"action profile {profile.Profile.Name}";
        if (profile.IsManual)
        {
            return Outcome.Invalid($"{where} is programmed with members and groups, not with one-shot entries");
        }

        if (profile.Profile.MaxGroupSize > 0 && set.ActionProfileActions.Sum(a => (long)a.Weight) > profile.Profile.MaxGroupSize)
        {
            return Outcome.Invalid($"{where}: the sum of the weights exceeds max_group_size {profile.Profile.MaxGroupSize}");
        }

        if (set.ActionProfileActions.Count > profile.Profile.MembersMax)
        {
            return Outcome.Full($"{where}: the limit is {profile.Profile.MembersMax} members");
        }

        if (profile.TakeGroup(_journal) is not { } group)
        {
            return Outcome.Full($"{where} is full ({profile.Profile.GroupsMax} groups)");
        }

        var members = new SwxMember[set.ActionProfileActions.Count];
        var canonical = new ActionProfileActionSet();
        for (var i = 0; i < members.Length; i++)
        {
            var item = set.ActionProfileActions[i];
            var outcome = CheckMember(where, item.Weight, item.Watch, item.WatchPort);
            if (!outcome.IsOk)
            {
                return outcome;
            }

            outcome = DecodeMember(profile, item.Action ?? new P4.V1.Action(), out var action, out var data);
            if (!outcome.IsOk)
            {
                return outcome;
            }

            var id = profile.TakeMember(_journal);
            outcome = InsertMember(profile, id, action, data);
            if (!outcome.IsOk)
            {
                return outcome;
            }

            members[i] = new SwxMember(id, (uint)item.Weight);
            canonical.ActionProfileActions.Add(
                new ActionProfileAction { Action = EntryWriter.ActionMessage(action, data), Weight = item.Weight });
        }

        var held = SetMembers(profile, group, members);
        if (!held.IsOk)
        {
            return held;
        }

        profile.OneShots.Add(group, new ProfileOneShot(canonical, group, members.Select(m => m.Id).ToArray()));
        _journal.OnUndo(() => profile.OneShots.Remove(group));
        _resolved = group;
        return Outcome.Ok;
    }

    /// <summary>Releases an entry's reference.</summary>
    private void Release(int action, uint reference)
    {
        var table = _entry.Table;
        if (table.Profile is null)
        {
            return;
        }

        var profile = _state.Profiles[table.Profile.Id];
        if (action == table.SetMemberAction)
        {
            var member = profile.Members[reference];
            member.Entries--;
            _journal.OnUndo(() => member.Entries++);
        }
        else if (profile.ByEngineId.TryGetValue(reference, out var group))
        {
            group.Entries--;
            _journal.OnUndo(() => group.Entries++);
        }
        else
        {
            RemoveOneShot(profile, profile.OneShots[reference]);
        }
    }

    private void RemoveOneShot(ProfileState profile, ProfileOneShot oneShot)
    {
        profile.OneShots.Remove(oneShot.EngineId);
        _journal.OnUndo(() => profile.OneShots.Add(oneShot.EngineId, oneShot));
        _update.SetGroup(profile.Profile.Selector, oneShot.EngineId, []);
        profile.ReleaseGroup(oneShot.EngineId, _journal);
        foreach (var id in oneShot.Members)
        {
            _update.Delete(profile.Profile.MemberTable, MemberKey(id), default, 0);
            profile.ReleaseMember(id, _journal);
        }
    }
}
