using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

internal enum ChangeKind : byte
{
    Insert,
    Modify,
    Delete,
    DefaultAction,
    Group,
}

/// <summary>One change, with the data to replay it on the other copy and to undo it on this one.</summary>
internal struct Change
{
    public ChangeKind Kind;
    public int Table;
    public uint Priority;
    public int Action;
    public int OldAction;

    /// <summary>Offset of the key words, mask words (unless exact), data and old data.</summary>
    public int Bytes;
    public int DataLength;
    public int OldDataLength;
    public ulong OldSequence;

    /// <summary>For a group: index of its new and old members.</summary>
    public int Members;
}

/// <summary>
/// The changes of an open update. They are applied to the inactive copy of the tables, recorded here, and replayed on the other copy after
/// the switch.
/// </summary>
internal sealed unsafe class ChangeLog
{
    private const int RetainedBytes = 1 << 20;

    private readonly List<SwxMember[]> _members = [];
    private Change[] _changes = new Change[64];
    private byte[] _bytes = new byte[4096];
    private int _used;

    public int Count { get; private set; }

    public void Add(Change change, ReadOnlySpan<ulong> key, ReadOnlySpan<ulong> mask, ReadOnlySpan<byte> data, ReadOnlySpan<byte> oldData)
    {
        change.Bytes = _used;
        change.DataLength = data.Length;
        change.OldDataLength = oldData.Length;
        Append(MemoryMarshal.AsBytes(key));
        Append(MemoryMarshal.AsBytes(mask));
        Append(data);
        Append(oldData);
        Add(change);
    }

    public void AddGroup(int selector, uint group, SwxMember[] members, SwxMember[] before)
    {
        _members.Add(members);
        _members.Add(before);
        Add(new Change { Kind = ChangeKind.Group, Table = selector, Priority = group, Bytes = _used, Members = _members.Count - 2 });
    }

    /// <summary>Replays all changes on a copy.</summary>
    public void Replay(TableSet set)
    {
        for (var i = 0; i < Count; i++)
        {
            Apply(set, ref _changes[i]);
        }

        set.Seal();
    }

    /// <summary>Undoes the changes since a mark on the copy they were made on.</summary>
    public void Undo(TableSet set, int mark)
    {
        while (Count > mark)
        {
            Count--;
            ref var change = ref _changes[Count];
            Revert(set, ref change);
            _used = change.Bytes;
            if (change.Kind == ChangeKind.Group)
            {
                _members.RemoveRange(change.Members, 2);
            }
        }
    }

    public void Clear()
    {
        Count = 0;
        _used = 0;
        _members.Clear();
        if (_bytes.Length > RetainedBytes)
        {
            _bytes = new byte[4096];
            _changes = new Change[64];
        }
    }

    private void Apply(TableSet set, ref Change change)
    {
        if (change.Kind == ChangeKind.Group)
        {
            set.Selectors[change.Table].Set(change.Priority, _members[change.Members]);
            return;
        }
        var table = set.Tables[change.Table];
        fixed (byte* bytes = &_bytes[change.Bytes])
        {
            var at = Locate(table, ref change, bytes);
            var key = at.Key;
            var mask = at.Mask;
            var data = new ReadOnlySpan<byte>(at.Data, change.DataLength);
            switch (change.Kind)
            {
                case ChangeKind.Insert:
                    table.Insert(key, mask, change.Priority, change.Action, data);
                    break;
                case ChangeKind.Modify:
                    table.Set(table.Find(key, mask, change.Priority), change.Action, data);
                    break;
                case ChangeKind.Delete:
                    table.Delete(table.Find(key, mask, change.Priority));
                    break;
                default:
                    table.SetDefault(change.Action, data);
                    break;
            }
        }
    }

    private void Revert(TableSet set, ref Change change)
    {
        if (change.Kind == ChangeKind.Group)
        {
            set.Selectors[change.Table].Set(change.Priority, _members[change.Members + 1]);
            return;
        }
        var table = set.Tables[change.Table];
        fixed (byte* bytes = &_bytes[change.Bytes])
        {
            var at = Locate(table, ref change, bytes);
            var key = at.Key;
            var mask = at.Mask;
            var old = new ReadOnlySpan<byte>(at.Data + change.DataLength, change.OldDataLength);
            switch (change.Kind)
            {
                case ChangeKind.Insert:
                    table.Delete(table.Find(key, mask, change.Priority));
                    break;
                case ChangeKind.Modify:
                    table.Set(table.Find(key, mask, change.Priority), change.OldAction, old);
                    break;
                case ChangeKind.Delete:
                    table.Insert(key, mask, change.Priority, change.OldAction, old, change.OldSequence);
                    break;
                default:
                    table.SetDefault(change.OldAction, old);
                    break;
            }
        }
    }

    private static Located Locate(TableStore table, ref Change change, byte* bytes)
    {
        var words = change.Kind == ChangeKind.DefaultAction ? 0 : table.Words;
        var mask = (ulong*)bytes + words;
        return new Located { Key = (ulong*)bytes, Mask = mask, Data = (byte*)(table.Exact ? mask : mask + words) };
    }

    private void Add(Change change)
    {
        if (Count == _changes.Length)
        {
            Array.Resize(ref _changes, Count * 2);
        }

        _changes[Count++] = change;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        // One spare byte, so that a change without bytes still has a valid address.
        if (_used + bytes.Length >= _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _used + bytes.Length + 1));
        }

        bytes.CopyTo(_bytes.AsSpan(_used));
        _used += bytes.Length;
    }

    private struct Located
    {
        public ulong* Key;
        public ulong* Mask;
        public byte* Data;
    }
}
