using ACCOffload.SoftTarget.Server.Bind;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>A member of an action profile.</summary>
internal sealed class ProfileMember(ActionProfileMember message)
{
    /// <summary>As the controller wrote it, in canonical form.</summary>
    public ActionProfileMember Message { get; set; } = message;

    /// <summary>Number of groups that contain it.</summary>
    public int Groups { get; set; }

    /// <summary>Number of table entries that refer to it.</summary>
    public int Entries { get; set; }
}

/// <summary>A group of a selector.</summary>
internal sealed class ProfileGroup(ActionProfileGroup message, uint engineId)
{
    /// <summary>As the controller wrote it.</summary>
    public ActionProfileGroup Message { get; set; } = message;

    /// <summary>The engine's id, a small number, unlike the controller's id.</summary>
    public uint EngineId { get; } = engineId;

    /// <summary>Number of table entries that refer to it.</summary>
    public int Entries { get; set; }
}

/// <summary>A group and its members from a one-shot table entry.</summary>
internal sealed record ProfileOneShot(ActionProfileActionSet Set, uint EngineId, uint[] Members);

/// <summary>
/// Contents of one action profile. A table is programmed either with members and groups or with one-shot entries, never both. The
/// controller assigns the ids of members and groups; this class assigns those for one-shot entries.
/// </summary>
internal sealed class ProfileState(BoundProfile profile)
{
    private readonly Stack<uint> _freeGroups = [];
    private uint _nextGroup;
    private uint _nextMember = 1;

    public BoundProfile Profile { get; } = profile;

    public Dictionary<uint, ProfileMember> Members { get; } = [];

    public Dictionary<uint, ProfileGroup> Groups { get; } = [];

    /// <summary>Groups by the engine's id.</summary>
    public Dictionary<uint, ProfileGroup> ByEngineId { get; } = [];

    /// <summary>One-shot groups by the engine's group id.</summary>
    public Dictionary<uint, ProfileOneShot> OneShots { get; } = [];

    /// <summary>Ids of the members of one-shot groups.</summary>
    public HashSet<uint> OwnMembers { get; } = [];

    public bool IsManual => Members.Count != 0 || Groups.Count != 0;

    /// <summary>Allocates a group id of the engine; null if all are in use.</summary>
    public uint? TakeGroup(Journal journal)
    {
        if (!_freeGroups.TryPop(out var id))
        {
            if (_nextGroup >= (uint)Profile.GroupsMax)
            {
                return null;
            }

            id = _nextGroup++;
        }

        journal.OnUndo(() => _freeGroups.Push(id));
        return id;
    }

    /// <summary>Frees a group id once the tables that no longer use it are published.</summary>
    public void ReleaseGroup(uint id, Journal journal) => journal.AfterCommit(() => _freeGroups.Push(id));

    /// <summary>Allocates an unused member id for a one-shot group.</summary>
    public uint TakeMember(Journal journal)
    {
        while (_nextMember == 0 || OwnMembers.Contains(_nextMember))
        {
            _nextMember++;
        }

        var id = _nextMember++;
        OwnMembers.Add(id);
        journal.OnUndo(() => OwnMembers.Remove(id));
        return id;
    }

    public void ReleaseMember(uint id, Journal journal)
    {
        OwnMembers.Remove(id);
        journal.OnUndo(() => OwnMembers.Add(id));
    }
}
