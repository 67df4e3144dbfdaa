using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class EpollTests
{
    [Fact]
    public void Each_ready_descriptor_is_returned_with_its_token()
    {
        using var epoll = new Epoll();
        using var first = new EventFd();
        using var second = new EventFd();
        epoll.Add(first.Handle, EpollEvents.Read, 0x1122_3344_5566_7788);
        epoll.Add(second.Handle, EpollEvents.Read, ulong.MaxValue);
        var events = new EpollEvent[8];
        Assert.Equal(0, epoll.Wait(events, 0));
        first.Signal();
        second.Signal();
        second.Signal();
        Assert.Equal(2, epoll.Wait(events, 1000));
        Assert.Equal((ulong[])[0x1122_3344_5566_7788, ulong.MaxValue], events.Take(2).Select(e => e.Token).Order());
        Assert.All(events.Take(2), e => Assert.Equal(EpollEvents.Read, e.Events));
        Assert.True(second.Drain());
        Assert.False(second.Drain());
        Assert.Equal(1, epoll.Wait(events, 1000));
        Assert.Equal(0x1122_3344_5566_7788UL, events[0].Token);
        // One at a time if the buffer has no more room.
        second.Signal();
        Assert.Equal(1, epoll.Wait(events.AsSpan(0, 1), 1000));
    }

    [Fact]
    public void Watched_events_can_be_changed_and_removed()
    {
        using var epoll = new Epoll();
        using var signal = new EventFd();
        var events = new EpollEvent[1];
        signal.Signal();
        epoll.Add(signal.Handle, EpollEvents.None, 1);
        Assert.Equal(0, epoll.Wait(events, 0));
        epoll.Modify(signal.Handle, EpollEvents.Read | EpollEvents.Write, 2);
        Assert.Equal(1, epoll.Wait(events, 0));
        Assert.Equal(new EpollEvent(EpollEvents.Read | EpollEvents.Write, 2), events[0]);
        epoll.Remove(signal.Handle);
        Assert.Equal(0, epoll.Wait(events, 0));
        Assert.Throws<LinuxException>(() => epoll.Remove(signal.Handle));
    }

    [Fact]
    public async Task A_waiting_thread_is_woken()
    {
        using var epoll = new Epoll();
        using var signal = new EventFd();
        var waiter = Task.Factory.StartNew(() =>
        {
            var events = new EpollEvent[1];
            return epoll.Wait(events, 20_000);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        // A descriptor that is added during the wait counts too.
        epoll.Add(signal.Handle, EpollEvents.Read, 1);
        signal.Signal();
        Assert.Equal(1, await waiter);
    }

    [Fact]
    public async Task The_credentials_of_a_unix_peer_are_returned()
    {
        var path = Path.Combine(Path.GetTempPath(), $"acct-peer-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            listener.Listen();
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
            using var server = await listener.AcceptAsync();
            var peer = UnixPeer.GetCredentials(server);
            Assert.Equal(Environment.ProcessId, peer.Pid);
            Assert.Equal(Environment.IsPrivilegedProcess, peer.Uid == 0);
            Assert.Equal(peer, UnixPeer.GetCredentials(client));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Other_kinds_of_sockets_are_rejected()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Assert.Throws<ArgumentException>(() => UnixPeer.GetCredentials(socket));
    }
}
