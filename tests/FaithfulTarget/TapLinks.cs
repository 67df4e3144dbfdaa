using ACCOffload.NativeInterop.Packets;

namespace ACCOffload.FaithfulTarget;

/// <summary>The links of TAP ports, which disappear with the process. Not thread-safe.</summary>
internal sealed class TapLinks(FaithfulOptions options)
{
    private readonly Dictionary<string, PacketPort> _links = [];
    private bool _isClosed;

    /// <summary>Creates missing links and removes surplus ones.</summary>
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

    /// <summary>Recreates links after <see cref="Close"/>.</summary>
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
