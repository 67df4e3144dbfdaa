namespace ACCOffload.InfraManager.Hosting;

/// <summary>Makes the directory of a unix socket, such as /run/accoffload where no unit has made it.</summary>
internal static class SocketDirectory
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <exception cref="IOException">It can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static void Create(string socket)
    {
        if (Path.GetDirectoryName(socket) is { Length: > 0 } directory && !Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, Mode);
        }
    }
}
