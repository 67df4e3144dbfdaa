using System.Text;

namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>An event about an object of the cluster, for users who inspect that object.</summary>
/// <param name="Regarding">The object.</param>
/// <param name="IsWarning">Type <c>Warning</c>; otherwise <c>Normal</c>.</param>
/// <param name="Reason">The reason in CamelCase, one of a small set: events repeated for the same reason are counted.</param>
/// <param name="Action">What was or was not done, in CamelCase.</param>
/// <param name="Note">One line for people; truncated to what the API accepts.</param>
internal sealed record ClusterEvent(ObjectReference Regarding, bool IsWarning, string Reason, string Action, string Note)
{
    // The API server rejects longer notes.
    private const int MaxNoteBytes = 1024;

    /// <summary>The note as the API accepts it.</summary>
    public string TruncatedNote
    {
        get
        {
            var text = Note.ReplaceLineEndings(" ");
            if (Encoding.UTF8.GetByteCount(text) <= MaxNoteBytes)
            {
                return text;
            }

            const string Ellipsis = " …";
            var maxBytes = MaxNoteBytes - Encoding.UTF8.GetByteCount(Ellipsis);
            var note = new StringBuilder();
            var bytes = 0;
            foreach (var rune in text.EnumerateRunes())
            {
                bytes += rune.Utf8SequenceLength;
                if (bytes > maxBytes)
                {
                    break;
                }

                note.Append(rune.ToString());
            }
            return note.Append(Ellipsis).ToString();
        }
    }

    /// <summary>Identifies the series: events that differ only in the note belong to one, as in client-go.</summary>
    public (ObjectReference, bool, string, string) SeriesKey => (Regarding, IsWarning, Reason, Action);
}

/// <summary>The object that an event is about. The namespace is empty for cluster-scoped objects such as a Node.</summary>
internal sealed record ObjectReference(string ApiVersion, string Kind, string Namespace, string Name, string Uid)
{
    /// <summary>The namespace of events about the object: its own, or <c>default</c> for cluster-scoped objects.</summary>
    public string EventNamespace => Namespace.Length == 0 ? "default" : Namespace;
}
