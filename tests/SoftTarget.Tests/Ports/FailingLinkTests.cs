using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.SoftTarget.Tests.Ports;

/// <summary>System calls on a port's descriptor fail: only that port is out of service, and the data plane goes on.</summary>
public sealed partial class FailingLinkTests : IDisposable
{
    // A program without a table: every frame is sent to port 2.
    private const string Spec =
        """
        struct ethernet_t {
        	bit<48> dst_mac
        	bit<48> src_mac
        	bit<16> ether_type
        }
        header ethernet instanceof ethernet_t
        struct metadata_t {
        	bit<32> input_port
        	bit<32> output_port
        }
        metadata instanceof metadata_t
        apply {
        	rx m.input_port
        	extract h.ethernet
        	mov m.output_port 0x2
        	emit h.ethernet
        	tx m.output_port
        }

        """;

    private readonly Wires _wires = new();
    private readonly NetNamespace _ports;
    private readonly DataPlane _dataPlane = new(4094, new NoController(), NullLogger.Instance);
    private readonly BlockingCollection<SoftPort> _lost = [];
    private readonly SoftPort _input = new(1, "a", "LINK");
    private readonly SoftPort _output = new(2, "b", "LINK");

    public FailingLinkTests()
    {
        Needs.Root();
        _ports = NetNamespace.Open(_wires.Path);
        _dataPlane.LinkLost = _lost.Add;
        _dataPlane.Use(new SwxPipeline(SwxProgram.Parse(Spec)));
        _wires.Lay("a");
        _wires.Lay("b");
        _dataPlane.Bind(_input, PacketPort.Open(_ports, "a"));
    }

    public void Dispose()
    {
        _dataPlane.Dispose();
        _ports.Dispose();
        _wires.Dispose();
        _lost.Dispose();
    }

    [Fact]
    public async Task A_link_that_cannot_be_sent_to_is_lost()
    {
        var link = PacketPort.Open(_ports, "b");
        _dataPlane.Bind(_output, link);
        await SettledAsync();
        ReplaceByPath(link);

        _wires.Send("a", Wires.Frame(1));

        await OnlyOutputIsLostAsync();
    }

    [Fact]
    public async Task A_link_that_cannot_be_watched_is_lost()
    {
        var link = PacketPort.Open(_ports, "b");
        ReplaceByPath(link);

        _dataPlane.Bind(_output, link);

        await OnlyOutputIsLostAsync();
    }

    [Fact]
    public async Task A_link_whose_state_cannot_be_read_is_lost()
    {
        // A UDP socket in its place, with an entry in its error queue: there is always an event, but nothing to read, and it has no state.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        const int reportErrors = 11;
        socket.SetRawSocketOption(0, reportErrors, BitConverter.GetBytes(1));
        using (var closed = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            socket.Connect(closed.LocalEndPoint!);
        }

        socket.Send([1]);
        Assert.Throws<SocketException>(() => socket.Receive(new byte[1]));
        socket.Blocking = false;
        var link = PacketPort.OpenTap(_ports, "tap");
        Replace(link, (int)socket.Handle);

        _dataPlane.Bind(_output, link);

        await OnlyOutputIsLostAsync();
    }

    private async Task OnlyOutputIsLostAsync()
    {
        Assert.True(_lost.TryTake(out var lost, TimeSpan.FromSeconds(20)), "no port lost its link");
        Assert.Same(_output, lost);
        Assert.False(_output.IsBound);
        _dataPlane.Bind(_output, PacketPort.Open(_ports, "b"));
        await SettledAsync();
        _wires.Send("a", Wires.Frame(2));
        Assert.Equal(Wires.Frame(2), _wires.Receive("b"));
        Assert.Empty(_lost);
    }

    private Task SettledAsync()
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _dataPlane.OnSettled(settled);
        return settled.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    // A descriptor of a path (O_PATH) permits no I/O: calls such as send, recv and epoll_ctl fail with EBADF.
    private static void ReplaceByPath(PacketPort link)
    {
        const int path = 0x200000;
        var descriptor = Open("/", path);
        Replace(link, descriptor);
        Assert.Equal(0, Close(descriptor));
    }

    private static void Replace(PacketPort link, int descriptor) =>
        Assert.NotEqual(-1, Duplicate(descriptor, (int)link.Handle.DangerousGetHandle()));

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    private sealed class NoController : IPacketSink
    {
        public void ToController(ReadOnlySpan<byte> frame)
        {
        }
    }
}
