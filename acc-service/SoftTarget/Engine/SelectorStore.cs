using System.Numerics;
using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>The part of a selector that packets read.</summary>
internal unsafe struct SelectorHot
{
    /// <summary>Member tables by group; null: all zeros.</summary>
    public uint** Groups;
    public byte* Mask;
    public uint GroupCount;
    public uint GroupMask;
    public uint MemberMask;
    public int Struct;
    public int Offset;
    public int Length;

    /// <summary>Size that the hash is over: a power of two, 8 to 64.</summary>
    public int HashBytes;
    public int GroupOffset;
    public int MemberOffset;
    public byte GroupCode;
    public byte MemberCode;

    /// <summary>Chooses a member as DPDK does.</summary>
    public static uint Select(SelectorHot* selector, byte** structs, ulong* scratch, out uint group)
    {
        group = (uint)FieldAccess.Load(structs[Operand.Metadata] + selector->GroupOffset, selector->GroupCode) & selector->GroupMask;
        Unsafe.InitBlock(scratch, 0, 64);
        Unsafe.CopyBlockUnaligned(scratch, structs[selector->Struct] + selector->Offset, (uint)selector->Length);
        var mask = (ulong*)selector->Mask;
        for (var i = 0; i < 8; i++)
            scratch[i] &= mask[i];
        var members = group < selector->GroupCount ? selector->Groups[group] : null;
        return members == null ? 0 : members[SwxHash.Selector(scratch, selector->HashBytes) & selector->MemberMask];
    }
}

/// <summary>One copy of a selector's groups.</summary>
internal sealed unsafe class SelectorStore : IDisposable
{
    public const int MaxWeight = 1 << 20;

    private static readonly SwxMember[] None = [];

    private readonly SwxSelector _selector;
    private readonly SelectorHot* _hot;
    private readonly NativeBlock _groups;
    private readonly NativeBlock _mask;
    private readonly Dictionary<uint, (SwxMember[] Members, NativeBlock Table)> _set = [];
    private readonly int _tableSize;

    public SelectorStore(SwxSelector selector, SelectorLayout layout, SelectorHot* hot)
    {
        _selector = selector;
        _hot = hot;
        _groups = new NativeBlock((long)selector.GroupsMax * sizeof(uint*));
        _mask = new NativeBlock(64);
        layout.Mask.CopyTo(new Span<byte>(_mask.Pointer, 64));
        _tableSize = (int)BitOperations.RoundUpToPowerOf2((uint)selector.MembersMax);
        *hot = new SelectorHot
        {
            Groups = (uint**)_groups.Pointer,
            Mask = _mask.Pointer,
            GroupCount = (uint)selector.GroupsMax,
            GroupMask = BitOperations.RoundUpToPowerOf2((uint)selector.GroupsMax) - 1,
            MemberMask = (uint)_tableSize - 1,
            Struct = layout.Struct,
            Offset = layout.Offset,
            Length = layout.Length,
            HashBytes = Math.Max(8, (int)BitOperations.RoundUpToPowerOf2((uint)layout.Length)),
            GroupOffset = layout.GroupId.Offset,
            GroupCode = layout.GroupId.Code,
            MemberOffset = layout.MemberId.Offset,
            MemberCode = layout.MemberId.Code,
        };
    }

    public SwxMember[] Get(uint group) => _set.TryGetValue(group, out var entry) ? entry.Members : None;

    /// <summary>Refuses members that the group can't hold.</summary>
    public void Check(uint group, ReadOnlySpan<SwxMember> members)
    {
        if (group >= (uint)_selector.GroupsMax)
            throw new ArgumentException($"selector {_selector.Name} has no group {group}, only {_selector.GroupsMax}", nameof(group));
        if (members.Length > _tableSize)
            throw new ArgumentException($"{members.Length} members are more than the {_tableSize} of selector {_selector.Name}", nameof(members));
        var ids = new HashSet<uint>();
        foreach (var member in members)
        {
            if (!ids.Add(member.Id))
                throw new ArgumentException($"member {member.Id} twice in group {group} of selector {_selector.Name}", nameof(members));
            if (member.Weight is 0 or > MaxWeight)
                throw new ArgumentException($"weight {member.Weight} is outside of 1 to {MaxWeight}", nameof(members));
        }
        if (members.Length > 0 && Normalize(members).Sum(w => (long)w) > _tableSize)
            throw new ArgumentException($"the weights of group {group} add up to more than the {_tableSize} members of selector {_selector.Name}", nameof(members));
    }

    public void Set(uint group, SwxMember[] members)
    {
        if (_set.Remove(group, out var before))
            before.Table.Dispose();
        _hot->Groups[group] = null;
        if (members.Length == 0)
            return;
        var table = new NativeBlock((long)_tableSize * sizeof(uint));
        Fill(members, new Span<uint>(table.Pointer, _tableSize));
        _set[group] = (members, table);
        _hot->Groups[group] = (uint*)table.Pointer;
    }

    public void Dispose()
    {
        foreach (var (_, table) in _set.Values)
            table.Dispose();
        _groups.Dispose();
        _mask.Dispose();
    }

    /// <summary>Spreads the members over the table by weight; what is left over goes to the first ones.</summary>
    private static void Fill(SwxMember[] members, Span<uint> table)
    {
        var weights = Normalize(members);
        var sum = weights.Sum(w => (long)w);
        var multiplier = (uint)(table.Length / sum);
        var remainder = (uint)(table.Length % sum);
        var at = 0;
        for (var i = 0; i < members.Length; i++)
        {
            var extra = Math.Min(weights[i], remainder);
            remainder -= extra;
            var count = (int)(weights[i] * multiplier + extra);
            table.Slice(at, count).Fill(members[i].Id);
            at += count;
        }
    }

    /// <summary>As DPDK does it: every divisor from 2 up is taken out once, not as often as it divides.</summary>
    private static uint[] Normalize(ReadOnlySpan<SwxMember> members)
    {
        var weights = new uint[members.Length];
        for (var i = 0; i < weights.Length; i++)
            weights[i] = members[i].Weight;
        for (uint divisor = 2; divisor <= weights.Min(); divisor++)
        {
            if (weights.All(w => w % divisor == 0))
            {
                for (var i = 0; i < weights.Length; i++)
                    weights[i] /= divisor;
            }
        }
        return weights;
    }
}
