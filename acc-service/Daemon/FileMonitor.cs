using System.Security.Cryptography;

namespace ACCOffload.Daemon;

/// <summary>
/// Calls back when the content of files changes: shortly after an inotify event, and at the latest after the polling interval, which also
/// finds changes without events (a symbolic link to another directory).
/// </summary>
public sealed partial class FileMonitor : IDisposable
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyList<string> _files;
    private readonly Func<bool> _changed;
    private readonly TimeSpan _interval;
    private readonly ILogger _logger;
    private readonly List<FileSystemWatcher> _watchers = [];
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private byte[] _last;
    private bool _soon;
    private bool _disposed;

    /// <param name="files">The files.</param>
    /// <param name="changed">Called on a pool thread, one call at a time. If it returns false, it is called again after the
    /// interval.</param>
    /// <param name="interval">The polling interval.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs failures.</param>
    public FileMonitor(IReadOnlyList<string> files, Func<bool> changed, TimeSpan interval, TimeProvider time, ILogger logger)
    {
        _files = files;
        _changed = changed;
        _interval = interval;
        _logger = logger;
        _last = Stamp();
        _timer = time.CreateTimer(_ => Check(), null, interval, interval);
        foreach (var directory in files.Select(f => Path.GetDirectoryName(Path.GetFullPath(f))!).Distinct(StringComparer.Ordinal))
        {
            Watch(directory);
        }
    }

    /// <summary>Calls back now, on SIGHUP.</summary>
    public void LookNow() => Check(always: true);

    /// <summary>Stops. Waits for a call that is in progress.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        foreach (var watcher in _watchers)
        {
            watcher.Dispose();
        }

        _timer.Dispose();
    }

    private void Watch(string directory)
    {
        try
        {
            var watcher = new FileSystemWatcher(directory)
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite,
            };
            FileSystemEventHandler soon = (_, _) => CheckSoon();
            watcher.Changed += soon;
            watcher.Created += soon;
            watcher.Deleted += soon;
            watcher.Renamed += (_, _) => CheckSoon();
            watcher.Error += (_, _) => CheckSoon();
            watcher.EnableRaisingEvents = true;
            _watchers.Add(watcher);
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            LogNotWatched(directory, e.Message);
        }
    }

    private void CheckSoon()
    {
        lock (_lock)
        {
            // A pending check is not postponed, or frequent changes of other files in the directory could delay it forever.
            if (_disposed || _soon)
            {
                return;
            }

            _soon = true;
            _timer.Change(SettleTime, _interval);
        }
    }

    private void Check(bool always = false)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _soon = false;
            var stamp = Stamp();
            if (!always && stamp.AsSpan().SequenceEqual(_last))
            {
                return;
            }

            try
            {
                if (_changed())
                {
                    _last = stamp;
                }
            }
            catch (Exception e)
            {
                // A failing callback does not stop the monitor.
                LogCallbackFailed(e);
            }
        }
    }

    private byte[] Stamp()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in _files)
        {
            try
            {
                var contents = File.ReadAllBytes(file);
                hash.AppendData(BitConverter.GetBytes(contents.LongLength));
                hash.AppendData(contents);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                hash.AppendData(BitConverter.GetBytes(-1L));
            }
        }
        return hash.GetHashAndReset();
    }

    [LoggerMessage(
        EventId = 2010, Level = LogLevel.Warning, Message = "{Directory} cannot be watched; changes in it are found by polling: {Reason}")]
    private partial void LogNotWatched(string directory, string reason);

    [LoggerMessage(EventId = 2011, Level = LogLevel.Error, Message = "A changed file could not be applied")]
    private partial void LogCallbackFailed(Exception exception);
}
