using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Virtual functions.</content>
public sealed partial class RouteNetlink
{
    // The answer for 256 functions is about 64 KiB, more than any other.
    private const int VfAnswerLength = 256 * 1024;

    /// <summary>The virtual functions of a physical function's link.</summary>
    /// <exception cref="NetlinkException">There is no such link (ENODEV).</exception>
    public IReadOnlyList<VfInfo> GetVfs(int pfIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pfIndex);
        var operation = $"list virtual functions of link {pfIndex}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = pfIndex });
        writer.Number(Rtnetlink.IFLA_EXT_MASK, Rtnetlink.RTEXT_FILTER_VF | Rtnetlink.RTEXT_FILTER_SKIP_STATS);
        var functions = new List<VfInfo>();
        _connection.Reserve(VfAnswerLength);
        _connection.Execute(writer.Complete(operation), operation, (in NetlinkMessage message) => VfCodec.Parse(message, functions));
        return functions;
    }

    /// <summary>
    /// Configures a virtual function through its physical function's link. A failure may leave some of the changes applied.
    /// </summary>
    /// <param name="pfIndex">The physical function's link.</param>
    /// <param name="vf">The virtual function's number.</param>
    /// <param name="change">What to change.</param>
    /// <exception cref="NetlinkException">
    /// There is no such function (EINVAL), the driver does not support the change (EOPNOTSUPP), …
    /// </exception>
    public void SetVf(int pfIndex, int vf, VfChange change)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pfIndex);
        ArgumentOutOfRangeException.ThrowIfNegative(vf);
        ArgumentNullException.ThrowIfNull(change);
        if (change.Vlan is < 0 or > 4095)
        {
            throw new ArgumentOutOfRangeException(nameof(change), change.Vlan, "a VLAN id is 0 to 4095");
        }

        if (change.Qos is not null && (change.Vlan is null || change.Qos is < 0 or > 7))
        {
            throw new ArgumentOutOfRangeException(nameof(change), change.Qos, "a priority is 0 to 7 and requires a VLAN");
        }

        if (change.MinRate < 0 || change.MaxRate < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(change), "a rate must not be negative");
        }

        if (change == new VfChange())
        {
            return;
        }

        var operation = $"configure virtual function {vf} of link {pfIndex}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = pfIndex });
        VfCodec.Write(ref writer, vf, change, Rates(pfIndex, vf, change));
        _connection.Execute(writer.Complete(operation), operation);
    }

    // The kernel sets both rates at once.
    private (int Min, int Max)? Rates(int pfIndex, int vf, VfChange change)
    {
        if (change.MinRate is null && change.MaxRate is null)
        {
            return null;
        }

        if (change is { MinRate: { } min, MaxRate: { } max })
        {
            return (min, max);
        }

        var now = GetVfs(pfIndex).FirstOrDefault(v => v.Number == vf);
        return (change.MinRate ?? now?.MinRate ?? 0, change.MaxRate ?? now?.MaxRate ?? 0);
    }
}
