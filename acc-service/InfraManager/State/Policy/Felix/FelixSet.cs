using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>
/// An IP set and its members. Single addresses and named ports are kept in the model by address; blocks belong to the set. Members that
/// cannot be read are kept as text, so that the set is whole again once they are removed.
/// </summary>
/// <param name="isPorts">Its members have a port.</param>
internal sealed class FelixSet(bool isPorts)
{
    private readonly HashSet<FelixMember> _members = [];
    private readonly HashSet<string> _unknown = new(StringComparer.Ordinal);
    private readonly HashSet<PolicyNet> _blocks = [];

    public bool IsPorts => isPorts;

    public IReadOnlyCollection<FelixMember> Members => _members;

    /// <summary>The members that are more than one address.</summary>
    public IReadOnlySet<PolicyNet> Blocks => _blocks;

    /// <summary>Null, or why the set cannot be used. A rule that names it refers to a set that does not exist.</summary>
    public string? Problem => _unknown.Count == 0 ? null : $"the member \"{FelixText.Shown(_unknown.First())}\" cannot be read";

    /// <summary>
    /// The ID in the model. Named-port sets have IDs of their own, so that a rule that takes a set for another kind refers to a set that
    /// does not exist.
    /// </summary>
    public static string ModelId(string id, bool isPorts) => isPorts ? PortsId(id) : id;

    public static string PortsId(string id) => $"ports {id}";

    public static FelixSet Of(FelixSetUpdate update)
    {
        var set = new FelixSet(update.Kind == FelixSetKind.AddressAndPort);
        set.Add(update.Members);
        return set;
    }

    /// <summary>Applies a delta. What is there already is not added, and what is not there is not removed.</summary>
    /// <param name="delta">The members that come and go.</param>
    /// <param name="changes">Collects those that did, for the set with this ID in the model.</param>
    /// <param name="id">The set's ID in the model.</param>
    /// <returns>Whether blocks have changed.</returns>
    public bool Apply(FelixSetDelta delta, FelixMemberChanges changes, string id)
    {
        var areBlocksChanged = false;
        foreach (var member in delta.Added.Known)
        {
            if (!Add(member))
            {
                continue;
            }

            areBlocksChanged |= !member.Net.IsHost;
            changes.Add(id, member, isAdded: true);
        }

        _unknown.UnionWith(delta.Added.Unknown);
        foreach (var member in delta.Removed.Known)
        {
            _unknown.Remove(Wrong(member));
            if (!_members.Remove(member))
            {
                continue;
            }

            areBlocksChanged |= _blocks.Remove(member.Net);
            changes.Add(id, member, isAdded: false);
        }

        _unknown.ExceptWith(delta.Removed.Unknown);
        return areBlocksChanged;
    }

    /// <summary>The changes from another set, null for an empty one, to this one.</summary>
    public void Compare(FelixSet? former, FelixMemberChanges changes, string id)
    {
        foreach (var member in _members)
        {
            if (former is null || !former._members.Contains(member))
            {
                changes.Add(id, member, isAdded: true);
            }
        }

        former?.Leave(this, changes, id);
    }

    /// <summary>The changes that remove the members that another set, null for an empty one, does not have.</summary>
    public void Leave(FelixSet? next, FelixMemberChanges changes, string id)
    {
        foreach (var member in _members)
        {
            if (next is null || !next._members.Contains(member))
            {
                changes.Add(id, member, isAdded: false);
            }
        }
    }

    private static string Wrong(FelixMember member) =>
        member.HasPort ? $"{member.Net.First},{member.Protocol}:{member.Port}" : $"{member.Net}";

    private void Add(FelixMembers members)
    {
        foreach (var member in members.Known)
        {
            Add(member);
        }

        _unknown.UnionWith(members.Unknown);
    }

    private bool Add(FelixMember member)
    {
        if (member.HasPort != isPorts)
        {
            _unknown.Add(Wrong(member));
            return false;
        }

        if (!_members.Add(member))
        {
            return false;
        }

        if (!member.Net.IsHost)
        {
            _blocks.Add(member.Net);
        }

        return true;
    }
}
