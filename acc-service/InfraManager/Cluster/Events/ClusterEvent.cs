using System.Text;

namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>Something that whoever looks at an object of the cluster should know.</summary>
/// <param name="Regarding">The object.</param>
/// <param name="IsWarning">Type <c>Warning</c>; else <c>Normal</c>.</param>
/// <param name="Reason">Why, in CamelCase, one of a few: what is told again for the same reason is counted.</param>
/// <param name="Action">What was done or not done, in CamelCase.</param>
/// <param name="Note">One line for people. What is longer than the API takes is cut.</param>
internal sealed record ClusterEvent(ObjectReference Regarding, bool IsWarning, string Reason, string Action, string Note)
{
    // Bytes; the API server refuses more.
    private const int LongestNote = 1024;

    /// <summary>The note as the API takes it.</summary>
    public string ShortNote
    {
        get
        {
            var text = Note.ReplaceLineEndings(" ");
            if (Encoding.UTF8.GetByteCount(text) <= LongestNote)
            {
                return text;
            }

            const string End = " …";
            var most = LongestNote - Encoding.UTF8.GetByteCount(End);
            var runes = new StringBuilder();
            var bytes = 0;
            foreach (var rune in text.EnumerateRunes())
            {
                bytes += rune.Utf8SequenceLength;
                if (bytes > most)
                {
                    break;
                }

                runes.Append(rune.ToString());
            }
            return runes.Append(End).ToString();
        }
    }

    /// <summary>Events of one series: the same but for the note, as in client-go.</summary>
    public (ObjectReference, bool, string, string) Series => (Regarding, IsWarning, Reason, Action);
}

/// <summary>Names an object of the API that an Event is about. The namespace is empty for what has none, such as a Node.</summary>
internal sealed record ObjectReference(string ApiVersion, string Kind, string Namespace, string Name, string Uid)
{
    /// <summary>Where an Event about it is kept: in its namespace, and in <c>default</c> if it has none.</summary>
    public string EventNamespace => Namespace.Length == 0 ? "default" : Namespace;
}
