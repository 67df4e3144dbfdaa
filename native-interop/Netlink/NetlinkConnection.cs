using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Handles one answer; throws <see cref="NetlinkException"/> if it is malformed.</summary>
internal delegate void MessageHandler(in NetlinkMessage message);

/// <summary>Parses one answer; returns false to skip it; throws <see cref="NetlinkException"/> if it is malformed.</summary>
internal delegate bool MessageParser<T>(in NetlinkMessage message, out T value);

/// <summary>
/// Sends requests to the kernel and waits for the answers, one request at a time. Only answers with the request's sequence number are
/// accepted; leftovers of an abandoned request are skipped.
/// </summary>
internal sealed class NetlinkConnection : IDisposable
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    private const int ReceiveLength = 64 * 1024;
    private const int MaxDumpAttempts = 10;
    private const int MaxObjects = 1 << 20;
    private const int MaxLeftovers = 1 << 16;

    // A dump takes several datagrams. Each must arrive within the timeout, and all of them within this many timeouts.
    private const int DumpTimeouts = 6;

    private readonly Lock _lock = new();
    private readonly INetlinkTransport _transport;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private byte[] _buffer = new byte[ReceiveLength];
    private uint _sequence;
    private bool _leftovers;

    public NetlinkConnection(INetlinkTransport transport, TimeProvider? time = null, TimeSpan? timeout = null)
    {
        _transport = transport;
        _time = time ?? TimeProvider.System;
        _timeout = timeout ?? DefaultTimeout;
        // Start at random, so that answers to an earlier owner of our port don't look like ours.
        _sequence = (uint)Random.Shared.Next();
    }

    /// <summary>Makes room for answers of this many bytes; the default is 64 KiB.</summary>
    public void Reserve(int length)
    {
        lock (_lock)
        {
            if (_buffer.Length < length)
            {
                _buffer = new byte[length];
            }
        }
    }

    /// <summary>Sends a request and waits for its acknowledgement.</summary>
    /// <param name="request">The message; its sequence number and flags are filled in.</param>
    /// <param name="operation">What the request does, for error messages.</param>
    /// <param name="reply">Receives the answers that precede the acknowledgement.</param>
    public void Execute(Span<byte> request, string operation, MessageHandler? reply = null)
    {
        lock (_lock)
        {
            Start(request, NetlinkMessage.NLM_F_REQUEST | NetlinkMessage.NLM_F_ACK, operation);
            var deadline = new Deadline(_time, _timeout);
            NetlinkException? failure = null;
            var objects = 0;
            while (true)
            {
                var datagram = Receive(deadline.Left, operation);
                while (!datagram.IsEmpty)
                {
                    var message = Take(ref datagram, operation);
                    if (!IsOurs(message))
                    {
                        continue;
                    }

                    switch (message.Type)
                    {
                        case NetlinkMessage.NLMSG_ERROR:
                            failure ??= ExtendedAck.FromError(message, request, operation);
                            if (failure is not null)
                            {
                                throw failure;
                            }

                            return;
                        case NetlinkMessage.NLMSG_OVERRUN:
                            throw Abandon(new NetlinkException(operation, Errno.ENOBUFS));
                        case NetlinkMessage.NLMSG_NOOP or NetlinkMessage.NLMSG_DONE:
                            break;
                        default:
                            if (++objects > MaxObjects)
                            {
                                throw Abandon(NetlinkException.Malformed(operation, "the answer does not end"));
                            }

                            failure ??= Handle(message, reply);
                            break;
                    }
                }
            }
        }
    }

    /// <summary>Executes a request for which one particular error is a valid answer.</summary>
    /// <returns>False if the kernel answered with that error.</returns>
    public bool TryExecute(Span<byte> request, string operation, Errno absent, MessageHandler? reply = null)
    {
        try
        {
            Execute(request, operation, reply);
            return true;
        }
        catch (NetlinkException e) when (e.Errno == absent)
        {
            return false;
        }
    }

    /// <summary>Lists all objects of a kind; starts over if they changed during the dump.</summary>
    public List<T> Dump<T>(Span<byte> request, string operation, MessageParser<T> parse)
    {
        lock (_lock)
        {
            for (var attempt = 1; attempt <= MaxDumpAttempts; attempt++)
            {
                if (TryDump(request, operation, parse) is { } objects)
                {
                    return objects;
                }
            }
        }
        throw new NetlinkException(operation, Errno.EAGAIN, $"the list changed during each of {MaxDumpAttempts} readings");
    }

    public void Dispose() => _transport.Dispose();

    private List<T>? TryDump<T>(Span<byte> request, string operation, MessageParser<T> parse)
    {
        Start(request, NetlinkMessage.NLM_F_REQUEST | NetlinkMessage.NLM_F_DUMP, operation);
        var deadline = new Deadline(_time, _timeout * DumpTimeouts);
        var objects = new List<T>();
        var interrupted = false;
        NetlinkException? failure = null;
        while (true)
        {
            var left = deadline.Left;
            var datagram = Receive(left < _timeout ? left : _timeout, operation);
            while (!datagram.IsEmpty)
            {
                var message = Take(ref datagram, operation);
                if (!IsOurs(message))
                {
                    continue;
                }

                interrupted |= (message.Flags & NetlinkMessage.NLM_F_DUMP_INTR) != 0;
                switch (message.Type)
                {
                    case NetlinkMessage.NLMSG_DONE:
                        failure ??= ExtendedAck.FromDone(message, request, operation);
                        return Finish();
                    case NetlinkMessage.NLMSG_ERROR:
                        // A success acknowledgement does not normally end a dump, but nothing follows it.
                        failure ??= ExtendedAck.FromError(message, request, operation);
                        return Finish();
                    case NetlinkMessage.NLMSG_OVERRUN:
                        throw Abandon(new NetlinkException(operation, Errno.ENOBUFS));
                    case NetlinkMessage.NLMSG_NOOP:
                        break;
                    default:
                        if (objects.Count >= MaxObjects)
                        {
                            throw Abandon(NetlinkException.Malformed(operation, "the list does not end"));
                        }

                        failure ??= Parse(message, parse, objects);
                        break;
                }
            }
        }

        // A list that changed during the dump is read again, even if the dump also failed.
        List<T>? Finish() => interrupted ? null : failure is null ? objects : throw failure;
    }

    // A malformed answer is not thrown at once. The rest is read first: the kernel refuses the next dump until this one is finished.
    private static NetlinkException? Handle(in NetlinkMessage message, MessageHandler? reply)
    {
        try
        {
            reply?.Invoke(message);
            return null;
        }
        catch (NetlinkException e)
        {
            return e;
        }
    }

    private static NetlinkException? Parse<T>(in NetlinkMessage message, MessageParser<T> parse, List<T> objects)
    {
        try
        {
            if (parse(message, out var value))
            {
                objects.Add(value);
            }

            return null;
        }
        catch (NetlinkException e)
        {
            return e;
        }
    }

    private void Start(Span<byte> request, int flags, string operation)
    {
        if (_leftovers)
        {
            SkipLeftovers();
        }

        _sequence = _sequence == uint.MaxValue ? 1 : _sequence + 1;
        MemoryMarshal.Write(request[6..], (ushort)(MemoryMarshal.Read<ushort>(request[6..]) | flags));
        MemoryMarshal.Write(request[8..], _sequence);
        MemoryMarshal.Write(request[12..], _transport.PortId);
        _transport.Send(request, operation);
    }

    private bool IsOurs(in NetlinkMessage message) => message.Sequence == _sequence && message.PortId == _transport.PortId;

    private ReadOnlySpan<byte> Receive(TimeSpan timeout, string operation)
    {
        if (timeout <= TimeSpan.Zero)
        {
            throw Abandon(TimedOut(operation));
        }

        var errno = _transport.Receive(_buffer, timeout, out var length);
        if (errno == Errno.EAGAIN)
        {
            throw Abandon(TimedOut(operation));
        }

        if (errno != Errno.None)
        {
            throw Abandon(new NetlinkException(operation, errno));
        }

        if (length > _buffer.Length)
        {
            throw Abandon(NetlinkException.Malformed(operation, $"the kernel's answer of {length} bytes was truncated"));
        }

        return _buffer.AsSpan(0, length);
    }

    private NetlinkMessage Take(ref ReadOnlySpan<byte> datagram, string operation) =>
        NetlinkMessage.TryTake(ref datagram, out var message) ? message
            : throw Abandon(NetlinkException.Malformed(operation, "the kernel's answer contains a message with an invalid length"));

    private static NetlinkException TimedOut(string operation) => new(operation, Errno.ETIMEDOUT, "the kernel did not answer");

    private NetlinkException Abandon(NetlinkException error)
    {
        _leftovers = true;
        return error;
    }

    // Reading also lets the kernel finish an abandoned dump; otherwise it answers the next one with EBUSY.
    private void SkipLeftovers()
    {
        for (var i = 0; i < MaxLeftovers; i++)
        {
            if (_transport.Receive(_buffer, TimeSpan.Zero, out _) is not (Errno.None or Errno.ENOBUFS))
            {
                break;
            }
        }
        _leftovers = false;
    }

    private readonly struct Deadline(TimeProvider time, TimeSpan limit)
    {
        private readonly long _started = time.GetTimestamp();

        public TimeSpan Left => limit - time.GetElapsedTime(_started);
    }
}
