using System.Net.Sockets;
using ACCOffload.NativeInterop.Sockets;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>Private unix sockets to listen on.</summary>
public sealed class UnixListenerTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-").FullName;

    private string SocketPath => Path.Combine(_folder, "run", "test.sock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_socket_is_private_and_its_directory_is_created()
    {
        using var listener = UnixListener.Bind(SocketPath);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(SocketPath));
        Assert.Throws<SocketException>(() => UnixListener.Bind(SocketPath));
    }

    [Fact]
    public void A_listener_replaces_another_one()
    {
        using var old = UnixListener.Replace(SocketPath, 1);
        File.WriteAllText(SocketPath + ".new", "left by a killed process");
        using var listener = UnixListener.Replace(SocketPath, 1);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(SocketPath));
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
        using var accepted = listener.Accept();
        Assert.False(old.Poll(0, SelectMode.SelectRead));
        Assert.False(File.Exists(SocketPath + ".new"));
    }

    [Fact]
    public void Only_a_socket_without_a_listener_is_stale()
    {
        Assert.True(UnixListener.RemoveStale(SocketPath));
        using (UnixListener.Replace(SocketPath, 1))
        {
            Assert.False(UnixListener.RemoveStale(SocketPath));
        }

        Assert.True(File.Exists(SocketPath));
        Assert.True(UnixListener.RemoveStale(SocketPath));
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void A_file_is_not_removed_as_a_stale_socket()
    {
        var file = Path.Combine(_folder, "data");
        File.WriteAllText(file, "data");
        Assert.Equal($"{file} is a file, not a socket", Assert.Throws<IOException>(() => UnixListener.RemoveStale(file)).Message);
        Assert.True(File.Exists(file));
    }
}
