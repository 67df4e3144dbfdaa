namespace ACCOffload.P4Runtime.Entries;

/// <summary>What to do with an entry.</summary>
public enum UpdateKind
{
    /// <summary>Add; ALREADY_EXISTS if the key exists.</summary>
    Insert = 1,

    /// <summary>Replace the action; NOT_FOUND if the key does not exist.</summary>
    Modify = 2,

    /// <summary>Remove by key, without sending the action; NOT_FOUND if the key does not exist.</summary>
    Delete = 3,
}

/// <summary>One change of one entry.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Entry">The entry; a delete uses only its key.</param>
public readonly record struct EntryUpdate(UpdateKind Kind, Entry Entry)
{
    /// <summary>One line, such as <c>INSERT pods dst_ip=10.244.1.5 -> to_pod(port=3)</c>.</summary>
    public override string ToString() => Kind switch
    {
        UpdateKind.Delete => $"DELETE {Entry.Key}",
        UpdateKind.Modify => $"MODIFY {Entry}",
        _ => $"INSERT {Entry}",
    };
}
