namespace ACCOffload.FileStamps;

/// <summary>Detects a changed or replaced file cheaply.</summary>
/// <param name="Target">The file, or the one that the symbolic link leads to.</param>
/// <param name="Modified">When it was last modified.</param>
/// <param name="Length">Its length in bytes.</param>
public readonly record struct FileStamp(string Target, DateTime Modified, long Length)
{
    /// <summary>The stamp of a file; the default one while the file is missing or can't be examined. Never throws.</summary>
    public static FileStamp Of(string path)
    {
        try
        {
            // Certificate managers leave a link in place and replace what it leads to.
            FileSystemInfo file = new FileInfo(path);
            file = file.ResolveLinkTarget(returnFinalTarget: true) ?? file;
            return file is FileInfo { Exists: true } found ? new FileStamp(found.FullName, found.LastWriteTimeUtc, found.Length) : default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A link cannot be resolved if its path does not exist.
            return default;
        }
    }
}
