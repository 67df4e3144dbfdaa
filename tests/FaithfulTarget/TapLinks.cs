using ACCOffload.NativeInterop.Packets;

namespace ACCOffload.Faithful;

/// <summary>Holds the links of TAP ports, as the process does: they vanish with it. Not thread-safe.</summary>
internal sealed class TapLinks(FaithfulOptions options)
{
    private readonly Dictionary<string, PacketPort> _links = [];
    private bool _isClosed;

    /// <summary>Makes the links that are missing and drops those that are too many.</summary>
    public void Follow(IEnumerable<string> names)
    {
        if (!options.MakesLinks || _isClosed)
        {
            return;
        }

        HashSet<string> wanted = [.. names];
        foreach (var gone in _links.Keys.Except(wanted).ToArray())
        {
            _links.Remove(gone, out var link);
            link?.Dispose();
        }

        foreach (var name in wanted.Except(_links.Keys).ToArray())
        {
            _links.Add(name, PacketPort.OpenTap(options.Namespace, name));
        }
    }

    /// <summary>Makes links again after <see cref="Close"/>.</summary>
    public void Reopen(IEnumerable<string> names)
    {
        _isClosed = false;
        Follow(names);
    }

    public void Close()
    {
        _isClosed = true;
        foreach (var link in _links.Values)
        {
            link.Dispose();
        }

        _links.Clear();
    }
}
