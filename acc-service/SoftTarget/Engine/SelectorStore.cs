using System.Numerics;
using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>The part of a selector that the data path reads.</summary>
internal unsafe struct SelectorHot
{
    /// <summary>Ranges of members by group; null for a group without members, which selects 0.</summary>
    public MemberRanges** Groups;
    public byte* Mask;
    public uint GroupCount;
    public uint GroupMask;
    public uint MemberMask;
    public int Struct;
    public int Offset;
    public int Length;

    /// <summary>Number of hashed bytes: a power of two, 8 to 64.</summary>
    public int HashBytes;
    public int GroupOffset;
    public int MemberOffset;
    public byte GroupCode;
    public byte MemberCode;

    /// <summary>Selects a member as DPDK does.</summary>
    public static uint Select(SelectorHot* selector, byte** structs, ulong* scratch, out uint group)
    {
        group = (uint)FieldAccess.Load(structs[Operand.Metadata] + selector->GroupOffset, selector->GroupCode) & selector->GroupMask;
        Unsafe.InitBlock(scratch, 0, 64);
        Unsafe.CopyBlockUnaligned(scratch, structs[selector->Struct] + selector->Offset, (uint)selector->Length);
        var mask = (ulong*)selector->Mask;
        for (var i = 0; i < 8; i++)
        {
            scratch[i] &= mask[i];
        }

        var members = group < selector->GroupCount ? selector->Groups[group] : null;
        return members == null ? 0 : MemberRanges.Find(members, SwxHash.Selector(scratch, selector->HashBytes) & selector->MemberMask);
    }
}

/// <summary>
/// The members of one group, as ranges of hash values. DPDK keeps a table with a cell for every value of the masked hash. Each member has
/// one contiguous range of cells, so storing where each range ends is enough. In memory, the count is followed by the (exclusive) ends,
/// and then by the member ids.
/// </summary>
internal unsafe struct MemberRanges
{
    public uint Count;

    public static uint Find(MemberRanges* ranges, uint cell)
    {
        var ends = (uint*)(ranges + 1);
        uint low = 0;
        var high = ranges->Count - 1;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (cell < ends[middle])
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return ends[ranges->Count + low];
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
    private readonly Dictionary<uint, (SwxMember[] Members, NativeBlock Ranges)> _set = [];
    private readonly int _tableSize;

    public SelectorStore(SwxSelector selector, SelectorLayout layout, SelectorHot* hot)
    {
        _selector = selector;
        _hot = hot;
        _groups = new NativeBlock((long)selector.GroupsMax * sizeof(MemberRanges*));
        _mask = new NativeBlock(64);
        layout.Mask.CopyTo(new Span<byte>(_mask.Pointer, 64));
        _tableSize = (int)BitOperations.RoundUpToPowerOf2((uint)selector.MembersMax);
        *hot = new SelectorHot
        {
            Groups = (MemberRanges**)_groups.Pointer,
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

    /// <summary>Why the group can't have these members; null if it can.</summary>
    public string? ProblemOf(uint group, ReadOnlySpan<SwxMember> members)
    {
        if (group >= (uint)_selector.GroupsMax)
        {
            return $"selector {_selector.Name} has no group {group}: group ids must be less than {_selector.GroupsMax}";
        }

        if (members.Length > _tableSize)
        {
            return $"selector {_selector.Name} allows at most {_tableSize} members in a group, not {members.Length}";
        }

        var ids = new HashSet<uint>();
        foreach (var member in members)
        {
            if (!ids.Add(member.Id))
            {
                return $"duplicate member {member.Id} in group {group} of selector {_selector.Name}";
            }

            if (member.Weight is 0 or > MaxWeight)
            {
                return $"weight {member.Weight} is not in the range 1 to {MaxWeight}";
            }
        }
        return members.Length > 0 && Normalize(members).Sum(w => (long)w) > _tableSize
            ? $"the weights of group {group} of selector {_selector.Name}, divided by common factors, add up to more than {_tableSize}"
            : null;
    }

    public void Set(uint group, SwxMember[] members)
    {
        if (_set.Remove(group, out var before))
        {
            before.Ranges.Dispose();
        }

        _hot->Groups[group] = null;
        if (members.Length == 0)
        {
            return;
        }

        var ranges = new NativeBlock(sizeof(MemberRanges) + members.Length * 2L * sizeof(uint));
        Fill(members, (uint)_tableSize, (MemberRanges*)ranges.Pointer);
        _set[group] = (members, ranges);
        _hot->Groups[group] = (MemberRanges*)ranges.Pointer;
    }

    public void Dispose()
    {
        foreach (var (_, ranges) in _set.Values)
        {
            ranges.Dispose();
        }

        _groups.Dispose();
        _mask.Dispose();
    }

    /// <summary>Distributes the cells to the members by weight; the first members get the remainder.</summary>
    private static void Fill(SwxMember[] members, uint cells, MemberRanges* ranges)
    {
        ranges->Count = (uint)members.Length;
        var ends = (uint*)(ranges + 1);
        var weights = Normalize(members);
        var sum = weights.Sum(w => (long)w);
        var multiplier = (uint)(cells / sum);
        var remainder = (uint)(cells % sum);
        uint end = 0;
        for (var i = 0; i < members.Length; i++)
        {
            var extra = Math.Min(weights[i], remainder);
            remainder -= extra;
            end += weights[i] * multiplier + extra;
            ends[i] = end;
            ends[members.Length + i] = members[i].Id;
        }
    }

    /// <summary>Reduces the weights as DPDK does: tries each divisor from 2 up, and divides by it at most once.</summary>
    private static uint[] Normalize(ReadOnlySpan<SwxMember> members)
    {
        var weights = new uint[members.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = members[i].Weight;
        }

        for (uint divisor = 2; divisor <= weights.Min(); divisor++)
        {
            if (weights.All(w => w % divisor == 0))
            {
                for (var i = 0; i < weights.Length; i++)
                {
                    weights[i] /= divisor;
                }
            }
        }
        return weights;
    }
}
