using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Google.Protobuf;
using P4.V1;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.TestKit.Labs;

/// <summary>
/// Two versions of the table contents, which differ in two tables: the gateway's MAC on the sender's port (`port_class`), and the pod and
/// source MAC for packets to the first receiver (`pods`). A packet that sees one row of each version gets addresses that don't belong
/// together.
/// </summary>
public sealed class TwoVersions
{
    private readonly RawP4Runtime _target;
    private readonly (UpdateType, TableEntry)[][] _updates;
    private readonly byte[][] _frames;

    private TwoVersions(RawP4Runtime target, (UpdateType, TableEntry)[][] updates, byte[][] frames)
    {
        _target = target;
        _updates = updates;
        _frames = frames;
    }

    public static readonly MacAddress[] Gateways = [MacAddress.Parse("02:ac:c0:00:00:01"), MacAddress.Parse("02:ac:c0:00:00:02")];

    /// <param name="target">The primary controller of the target.</param>
    /// <param name="sender">The pod whose port class changes.</param>
    /// <param name="receivers">The first has the destination address; the other gets its packets in the second version.</param>
    /// <param name="payload">The payload's length in bytes; its first byte identifies the version of the frame.</param>
    public static async Task<TwoVersions> CreateAsync(RawP4Runtime target, PodEnd sender, PodEnd[] receivers, int payload)
    {
        var pods = await target.ReadAsync("pods");
        var classes = await target.ReadAsync("port_class");
        var destination = Row(receivers[0]);
        var port = await target.ParameterAsync(Row(sender), "port");
        var own = classes.Single(row => row.Match[0].Exact.Value == port);
        var updates = new (UpdateType, TableEntry)[2][];
        var frames = new byte[2][];
        for (var version = 0; version < 2; version++)
        {
            var gateway = Shortest(Gateways[version]);
            updates[version] =
            [
                (UpdateType.Modify, await target.WithAsync(own, ("gateway_mac", gateway))),
                (UpdateType.Modify,
                    await target.WithAsync(destination, ("port", await target.ParameterAsync(Row(receivers[version]), "port")),
                        ("src_mac", gateway), ("dst_mac", Shortest(receivers[version].Mac)))),
            ];
            frames[version] = Frames.Udp(sender.Mac, Gateways[version], sender.Address, receivers[0].Address, payload: payload);
            frames[version][^payload] = (byte)(version + 1);
        }

        return new TwoVersions(target, updates, frames);

        TableEntry Row(PodEnd pod) =>
            pods.Single(row => row.Match[0].Exact.Value.Span.SequenceEqual(Shortest(IPAddress.Parse(pod.Address).GetAddressBytes()).Span));
    }

    /// <summary>The sender's frame for a version: addressed to that version's gateway, so the other version drops it.</summary>
    public byte[] Frame(int version) => _frames[version];

    /// <summary>Switches the tables to a version in one Write.</summary>
    public Task SwitchAsync(int version) => _target.WriteAsync(_updates[version]);

    private static ByteString Shortest(MacAddress mac) => Shortest(mac.ToArray());

    private static ByteString Shortest(byte[] bytes)
    {
        var zeros = Math.Min(bytes.AsSpan().IndexOfAnyExcept((byte)0), bytes.Length - 1);
        return ByteString.CopyFrom(bytes.AsSpan(Math.Max(zeros, 0)));
    }
}

/// <summary>A pod's interface as the pipeline sees it.</summary>
public sealed record PodEnd(string Namespace, MacAddress Mac, string Address)
{
    public static PodEnd Of(string netns, string address)
    {
        using var ns = NetNamespace.OpenNamed(netns);
        using var links = RouteNetlink.Open(ns);
        return new PodEnd(netns, links.GetLink("eth0")!.Mac, address);
    }
}
