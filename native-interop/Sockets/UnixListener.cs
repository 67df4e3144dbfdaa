using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace ACCOffload.NativeInterop.Sockets;

/// <summary>Listening unix sockets that only their owner and root can connect to.</summary>
public static class UnixListener
{
    private const UnixFileMode SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode DirectoryMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>
    /// Binds a stream socket, which has mode 0600 from the moment it exists. Creates its directory, such as /run/accoffload, if necessary.
    /// </summary>
    /// <exception cref="SocketException">The path exists, or is too long.</exception>
    /// <exception cref="IOException">The directory cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The process lacks the permission.</exception>
    public static Socket Bind(string path)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } directory && !Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, DirectoryMode);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // The kernel gives the file the mode that the socket has when it is bound.
            using (var handle = new SafeFileHandle(socket.Handle, ownsHandle: false))
            {
                File.SetUnixFileMode(handle, SocketMode);
            }

            socket.Bind(new UnixDomainSocketEndPoint(path));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Listens at a path in place of whatever is there, in one step: clients reach the old listener or the new one.</summary>
    /// <exception cref="SocketException">The path is too long.</exception>
    /// <exception cref="IOException">The directory cannot be created, or the old socket cannot be replaced.</exception>
    /// <exception cref="UnauthorizedAccessException">The process lacks the permission.</exception>
    public static Socket Replace(string path, int backlog)
    {
        var fresh = path + ".new";
        if (File.Exists(fresh))
        {
            File.Delete(fresh);
        }

        var socket = Bind(fresh);
        try
        {
            socket.Listen(backlog);
            File.Move(fresh, path, overwrite: true);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Removes a socket that a dead process left behind.</summary>
    /// <returns>False if a running process serves it.</returns>
    /// <exception cref="IOException">The path is not a socket, or nobody can connect to it.</exception>
    public static bool RemoveStale(string path)
    {
        if (!File.Exists(path))
        {
            return true;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if (new FileInfo(path).Length > 0)
            {
                throw new IOException($"{path} is a file, not a socket");
            }

            File.Delete(path);
            return true;
        }
        catch (SocketException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }
}
