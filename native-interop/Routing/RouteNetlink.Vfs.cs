using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Virtual functions and representors.</content>
public sealed partial class RouteNetlink
{
    // 256 functions with all that kernels tell of each are about 64 KiB, more than other answers.
    private const int VfAnswerLength = 256 * 1024;

    public partial IReadOnlyList<VfInfo> GetVfs(int pfIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pfIndex);
        var operation = $"list virtual functions of link {pfIndex}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetLink, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = pfIndex });
        writer.Number(Rtnetlink.LinkExtendedMask, Rtnetlink.ExtendedMaskVf | Rtnetlink.ExtendedMaskSkipStatistics);
        var functions = new List<VfInfo>();
        _connection.Reserve(VfAnswerLength);
        _connection.Execute(writer.Complete(operation), operation, (in NetlinkMessage message) => VfCodec.Parse(message, functions));
        return functions;
    }

    public partial void SetVf(int pfIndex, int vf, VfChange change)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pfIndex);
        ArgumentOutOfRangeException.ThrowIfNegative(vf);
        ArgumentNullException.ThrowIfNull(change);
        if (change.Vlan is < 0 or > 4095)
        {
            throw new ArgumentOutOfRangeException(nameof(change), change.Vlan, "a VLAN is 0 to 4095");
        }

        if (change.Qos is not null && (change.Vlan is null || change.Qos is < 0 or > 7))
        {
            throw new ArgumentOutOfRangeException(nameof(change), change.Qos, "a priority is 0 to 7 and goes with a VLAN");
        }

        if (change.MinRate < 0 || change.MaxRate < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(change), "a rate is not negative");
        }

        if (change == new VfChange())
        {
            return;
        }

        var operation = $"configure virtual function {vf} of link {pfIndex}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewLink, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = pfIndex });
        VfCodec.Write(ref writer, vf, change, Rates(pfIndex, vf, change));
        _connection.Execute(writer.Complete(operation), operation);
    }

    public partial LinkInfo? FindRepresentor(string physPortName, string? physSwitchId)
    {
        ArgumentException.ThrowIfNullOrEmpty(physPortName);
        LinkInfo? found = null;
        foreach (var link in GetLinks())
        {
            if (link.PhysPortName != physPortName || link.PhysSwitchId is null || (physSwitchId is not null && link.PhysSwitchId != physSwitchId))
            {
                continue;
            }

            if (found is not null)
            {
                throw new NetlinkException($"find the representor {physPortName}", Errno.EEXIST,
                    $"{found.Name} (switch {found.PhysSwitchId}) and {link.Name} (switch {link.PhysSwitchId}) both are: say which switch is meant");
            }
            found = link;
        }
        return found;
    }

    // The kernel takes both rates or none.
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
