using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class NetlinkConnectionTests : IDisposable
{
    private readonly ScriptedKernel _kernel = new();
    private readonly RouteNetlink _route;

    public NetlinkConnectionTests() => _route = new RouteNetlink(new NetlinkConnection(_kernel, _kernel.Time));

    public void Dispose() => _route.Dispose();

    [Fact]
    public void An_acknowledgement_ends_a_request()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence);
        _route.SetUp(7);
        // nlmsghdr: 32 bytes, RTM_NEWLINK, REQUEST|ACK; ifinfomsg: index 7, IFF_UP in flags and change mask.
        Assert.Equal(Bytes.Hex("20000000 1000 0500"), _kernel.Requests[0][..8]);
        Assert.Equal(Bytes.Hex("92100000 00000000 07000000 01000000 01000000"), _kernel.Requests[0][12..]);
    }

    [Fact]
    public void Each_request_has_its_own_sequence_number()
    {
        var sequences = new HashSet<uint>();
        _kernel.OnRequest = (_, sequence) =>
        {
            Assert.True(sequences.Add(sequence));
            _kernel.Acknowledge(sequence);
        };
        for (var i = 0; i < 10; i++)
        {
            _route.SetUp(7);
        }

        Assert.DoesNotContain(0u, sequences);
    }

    [Fact]
    public void Answers_with_another_sequence_number_or_port_are_skipped()
    {
        _kernel.OnRequest = (_, sequence) =>
        {
            _kernel.Acknowledge(sequence - 1, error: 1);
            _kernel.Acknowledge(sequence + 1, error: 1);
            _kernel.Acknowledge(sequence, error: 1, port: 99);
            _kernel.Acknowledge(sequence);
        };
        _route.SetUp(7);
    }

    [Fact]
    public void Foreign_answers_alone_are_a_timeout()
    {
        _kernel.OnRequest = (_, sequence) =>
        {
            for (var i = 0u; i < 100; i++)
            {
                _kernel.Acknowledge(sequence + 1 + i);
            }
        };
        Assert.Equal(Errno.ETIMEDOUT, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
    }

    [Fact]
    public void A_flood_of_foreign_answers_ends_at_the_deadline()
    {
        // More than fit into five seconds at one millisecond each.
        _kernel.OnRequest = (n, sequence) =>
        {
            for (var i = 0; n == 1 && i < 20_000; i++)
            {
                _kernel.Acknowledge(sequence + 1);
            }

            _kernel.Acknowledge(sequence);
        };
        Assert.Equal(Errno.ETIMEDOUT, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
        // The leftovers do not disturb the next request.
        _route.SetUp(7);
    }

    [Fact]
    public void No_answer_is_an_error_after_five_seconds()
    {
        var started = _kernel.Time.GetUtcNow();
        var e = Assert.Throws<NetlinkException>(() => _route.DeleteLink(7));
        Assert.Equal(Errno.ETIMEDOUT, e.Errno);
        Assert.Contains("delete link 7", e.Message, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(5), _kernel.Time.GetUtcNow() - started);
    }

    [Fact]
    public void A_late_answer_is_not_mistaken_for_the_next_one()
    {
        var first = 0u;
        _kernel.OnRequest = (n, sequence) =>
        {
            if (n == 1)
            {
                first = sequence;
                return;
            }
            _kernel.Acknowledge(first, error: 13);
            _kernel.Acknowledge(sequence);
        };
        Assert.Throws<NetlinkException>(() => _route.SetUp(7));
        _route.SetUp(7);
    }

    [Fact]
    public void An_error_includes_the_kernels_message_and_the_attribute()
    {
        // The MTU attribute follows nlmsghdr and ifinfomsg, at offset 32.
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(
            sequence, 22, 0x300, [.. Bytes.Attribute(1, "mtu greater than device maximum\0"u8), .. Bytes.Attribute(2, Bytes.Int(32))]);
        var e = Assert.Throws<NetlinkException>(() => _route.SetMtu(7, 100_000));
        Assert.Equal(
            (Errno.EINVAL, "mtu greater than device maximum", 32, 4), (e.Errno, e.KernelMessage, e.AttributeOffset, e.AttributeType));
        Assert.Equal("change link 7: Invalid argument (EINVAL): mtu greater than device maximum (attribute 4 at offset 32)", e.Message);
    }

    [Fact]
    public void A_missing_attribute_is_named()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, 22, 0x300, Bytes.Attribute(5, Bytes.Int(3)));
        var e = Assert.Throws<NetlinkException>(() => _route.SetUp(7));
        Assert.Equal((null, 3), (e.AttributeOffset, e.AttributeType));
    }

    [Fact]
    public void An_acknowledgement_that_repeats_the_request_is_understood()
    {
        // Not capped: the whole request, 35 bytes by its header and padded to 36, precedes the attributes.
        _kernel.OnRequest = (_, sequence) => _kernel.Answer(Bytes.Message(2, 0x200, sequence, ScriptedKernel.Port,
            [.. Bytes.Int(-1), .. Bytes.Message(16, 5, sequence, ScriptedKernel.Port, new byte[19]),
                .. Bytes.Attribute(1, "no\u0007\0"u8)]));
        var e = Assert.Throws<NetlinkException>(() => _route.SetUp(7));
        Assert.Equal((Errno.EPERM, "no?"), (e.Errno, e.KernelMessage));
    }

    [Theory]
    [InlineData("14000000 0200 0000")]
    [InlineData("0c000000 0200 0000")]
    [InlineData("ffffffff 0200 0000")]
    [InlineData("00000000 0200 0000")]
    [InlineData("12")]
    public void A_malformed_answer_is_an_error_and_the_next_request_works(string hex)
    {
        _kernel.OnRequest = (n, sequence) =>
        {
            if (n == 1)
            {
                var bytes = Bytes.Hex(hex);
                if (bytes.Length == 8)
                {
                    bytes = [.. bytes, .. BitConverter.GetBytes(sequence), .. BitConverter.GetBytes(ScriptedKernel.Port), 0, 0, 0, 0];
                }

                _kernel.Answer(bytes);
            }
            _kernel.Acknowledge(sequence);
        };
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
        _route.SetUp(7);
    }

    [Fact]
    public void A_truncated_or_lost_answer_is_an_error()
    {
        _kernel.OnRequest = (n, sequence) =>
        {
            if (n == 1)
            {
                _kernel.AnswerCutOff();
            }

            if (n == 2)
            {
                _kernel.Lose();
            }

            if (n == 3)
            {
                _kernel.Fail(Errno.ENOMEM);
            }
        };
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
        Assert.Equal(Errno.ENOBUFS, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
        Assert.Equal(Errno.ENOMEM, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
    }

    [Fact]
    public void An_invalid_error_number_is_malformed()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, -5);
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _route.SetUp(7)).Errno);
    }

    [Fact]
    public void A_missing_object_is_not_an_error()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence, 19);
        Assert.Null(_route.GetLink("eth9"));
        Assert.Null(_route.GetLink(9));
        Assert.False(_route.DeleteLink(9));
    }

    [Fact]
    public void An_acknowledgement_without_a_link_is_malformed()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Acknowledge(sequence);
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _route.GetLink("eth0")).Errno);
    }

    [Fact]
    public void A_list_in_several_datagrams_is_joined()
    {
        _kernel.OnRequest = (_, sequence) =>
        {
            _kernel.Answer(Link(sequence, 1, "lo"), Link(sequence, 2, "eth0"));
            _kernel.Answer(Link(sequence - 1, 9, "stale"), Link(sequence, 3, "eth1"));
            _kernel.Done(sequence);
        };
        Assert.Equal(["lo", "eth0", "eth1"], _route.GetLinks().Select(l => l.Name));
        // REQUEST | DUMP, without an acknowledgement of its own.
        Assert.Equal(Bytes.Hex("1200 0103"), _kernel.Requests[0][4..8]);
    }

    [Fact]
    public void A_list_that_changed_during_the_dump_is_read_again()
    {
        _kernel.OnRequest = (n, sequence) =>
        {
            if (n < 3)
            {
                _kernel.Answer(Link(sequence, 1, "old", flags: n == 1 ? 0x12 : 2));
                _kernel.Done(sequence, flags: n == 2 ? 0x12 : 2);
                return;
            }
            _kernel.Answer(Link(sequence, 2, "new"));
            _kernel.Done(sequence);
        };
        Assert.Equal("new", Assert.Single(_route.GetLinks()).Name);
        Assert.Equal(3, _kernel.Requests.Count);
    }

    [Fact]
    public void A_list_that_changes_continuously_is_an_error()
    {
        _kernel.OnRequest = (_, sequence) => _kernel.Done(sequence, flags: 0x12);
        Assert.Equal(Errno.EAGAIN, Assert.Throws<NetlinkException>(() => _route.GetLinks()).Errno);
        Assert.Equal(10, _kernel.Requests.Count);
    }

    [Fact]
    public void A_list_that_ends_with_an_error_is_an_error()
    {
        _kernel.OnRequest = (n, sequence) =>
        {
            _kernel.Answer(Link(sequence, 1, "lo"));
            if (n == 1)
            {
                _kernel.Done(sequence, error: 12);
            }
            else
            {
                _kernel.Acknowledge(sequence, error: 1);
            }
        };
        Assert.Equal(Errno.ENOMEM, Assert.Throws<NetlinkException>(() => _route.GetLinks()).Errno);
        Assert.Equal(Errno.EPERM, Assert.Throws<NetlinkException>(() => _route.GetLinks()).Errno);
    }

    [Fact]
    public void A_malformed_object_fails_its_list_but_not_the_next_one()
    {
        _kernel.OnRequest = (n, sequence) =>
        {
            _kernel.Answer(n == 1 ? Bytes.Message(16, 2, sequence, ScriptedKernel.Port, new byte[16]) : Link(sequence, 1, "lo"));
            _kernel.Answer(Link(sequence, 2, "eth0"));
            _kernel.Done(sequence);
        };
        Assert.Equal(Errno.EBADMSG, Assert.Throws<NetlinkException>(() => _route.GetLinks()).Errno);
        Assert.Equal(2, _route.GetLinks().Count);
    }

    [Fact]
    public void A_list_that_does_not_end_is_an_error()
    {
        var started = _kernel.Time.GetUtcNow();
        _kernel.OnRequest = (_, sequence) =>
        {
            for (var i = 0; i < 40_000; i++)
            {
                _kernel.Answer(Link(sequence, 1, "lo"));
            }
        };
        Assert.Equal(Errno.ETIMEDOUT, Assert.Throws<NetlinkException>(() => _route.GetLinks()).Errno);
        Assert.Equal(TimeSpan.FromSeconds(30), _kernel.Time.GetUtcNow() - started);
    }

    [Fact]
    public void Disposing_closes_the_socket()
    {
        _route.Dispose();
        Assert.True(_kernel.Disposed);
    }

    private static byte[] Link(uint sequence, int index, string name, int flags = 2) =>
        Bytes.Message(16, flags, sequence, ScriptedKernel.Port,
        [0, 0, 1, 0, .. Bytes.Int(index), .. new byte[8], .. Bytes.Attribute(3, System.Text.Encoding.UTF8.GetBytes(name + "\0"))]);
}
