using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>The real kernel's rtnetlink with the virtual functions of the fake hardware added.</summary>
internal sealed class VfTransport(NetlinkSocket real, FakeHost host, NamespaceNetdevs netdevs) : INetlinkTransport
{
    private readonly FakeSocket _fake = new(host, real.PortId, generic: false);
    private bool _answeredByFake;

    public uint PortId => real.PortId;

    public void Send(ReadOnlySpan<byte> datagram, string operation)
    {
        _answeredByFake = Answer(datagram.ToArray());
        if (!_answeredByFake)
        {
            real.Send(datagram, operation);
        }
    }

    public Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length) =>
        _answeredByFake ? _fake.Receive(buffer, timeout, out length) : real.Receive(buffer, timeout, out length);

    public void Dispose()
    {
        real.Dispose();
        _fake.Dispose();
    }

    private bool Answer(byte[] request)
    {
        var type = BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(4));
        if (type is not (RouteRequests.NewLink or RouteRequests.GetLink))
        {
            return false;
        }

        var index = BinaryPrimitives.ReadInt32LittleEndian(request.AsSpan(20));
        var attributes = Attributes.Read(request.AsSpan(32));
        var list = type == RouteRequests.NewLink ? Attributes.Find(attributes, 22) : null;
        if (type == RouteRequests.NewLink && Attributes.Find(attributes, 1) is { Length: 6 } mac && Refuses(index, new MacAddress(mac)))
        {
            _fake.Acknowledge(request, new FakeError(Errno.EADDRNOTAVAIL));
            return true;
        }
        if (list is null && (type != RouteRequests.GetLink || (Attributes.FindU32(attributes, 29) & 1) is null or 0))
        {
            return false;
        }

        if (netdevs.SysfsPathOf(index) is not { } sysfsPath)
        {
            return false;
        }

        lock (host.Gate)
        {
            if (host.Functions.FirstOrDefault(f => f.TotalVfs > 0 && f.SysfsPath == sysfsPath) is not { } function)
            {
                return false;
            }

            FakeError? error = null;
            if (list is not null)
            {
                error = RouteRequests.ChangeVfs(function, list);
            }
            else
            {
                _fake.Reply(request, RouteRequests.NewLink,
                    RouteRequests.Describe(new FakeLink { Index = index, Name = function.Netdev ?? "?" }, function), multi: false);
            }

            _fake.Acknowledge(request, error);
            return true;
        }
    }

    private bool Refuses(int index, MacAddress mac)
    {
        if (netdevs.SysfsPathOf(index) is not { } sysfsPath)
        {
            return false;
        }

        lock (host.Gate)
        {
            return host.Functions.FirstOrDefault(f => f.SysfsPath == sysfsPath) is { Physical: { } physical } function
                && !physical.AllowsVfMacChange(function, physical.VfConfiguration.Single(v => v.Number == function.Number).Mac, mac);
        }
    }
}
