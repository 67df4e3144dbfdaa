using System.Buffers.Binary;
using System.Text.RegularExpressions;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.TestKit.Packets;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>A node that runs the committed pipeline. Rows are written as the control plane writes them; packets enter at ports.</summary>
internal sealed partial class Node : IDisposable
{
    public const ulong GatewayMac = 0x02ACC0000001;
    public const uint Address = 0xC000020A;
    public const uint Gateway = 0xA9FE0101;
    public const uint HostAddress = 0xC8010102;
    public const uint HostPort = 100;
    public const uint UplinkPort = 200;
    public const uint ExceptionPort = 300;
    public const ulong HostMac = 0x0A00000000F1;
    public const ulong UplinkMac = 0x0A00000000F2;

    private static readonly SwxProgram Program =
        SwxProgram.Parse(File.ReadAllText(System.IO.Path.Combine(AppContext.BaseDirectory, "k8s_dp.spec")));

    private readonly SwxPipeline _pipeline;
    private readonly SwxWorker _worker;
    private readonly byte[] _buffer = new byte[10_240];

    public Node()
    {
        _pipeline = new SwxPipeline(Program, new SwxPipelineOptions { TimeProvider = Time });
        _worker = _pipeline.CreateWorker();
        Put("port_class", "host_port", [HostPort], HostPort, GatewayMac);
        Put("port_class", "uplink_port", [UplinkPort], HostPort, GatewayMac, 0, 0, 0);
        Put("routes", "to_port", [Address], HostPort, GatewayMac, HostMac);
        Put("routes", "to_port", [HostAddress], HostPort, GatewayMac, HostMac);
        PutPrefix("routes", "to_port", [0], 0, UplinkPort, GatewayMac, UplinkMac);
        PutPrefix("routes", "unassigned", [0x0AF40100], 24);
        PutPrefix("routes", "never_routed", [0], 8);
        PutPrefix("routes", "never_routed", [0x7F000000], 8);
        PutPrefix("routes", "never_routed", [0xA9FE0000], 16);
        Put("routes", "to_gateway", [Gateway]);
        Put("local_sources", "gateway_source", [Gateway]);
        Put("local_sources", "node_source", [Address]);
        Put("local_sources", "internal_source", [HostAddress]);
        Put("pools", "pool_ports", [254], Gateway, 40000, 0x1000, 0x0FFF);
        Put("pools", "pool_ports", [255], Address, 40000, 0x1000, 0x0FFF);
    }

    public FakeTimeProvider Time { get; } = new();

    public SwxStatistics Statistics => _pipeline.Statistics;

    /// <summary>Attaches pod <paramref name="number"/> (from 1) at the port of that number with address 10.244.1.number.</summary>
    public uint AddPod(int number)
    {
        var (port, mac, address) = ((ulong)number, PodMac(number), PodAddress(number));
        Bind(number);
        Put("mac_guard", "allow_mac", [port, mac]);
        Put("source_guard", "allow_source", [port, mac, address]);
        Put("local_sources", "local_source", [address]);
        return address;
    }

    /// <summary>Gives a pod its policy sets; 0: not isolated in this direction.</summary>
    public void Bind(int pod, uint egress = 0, uint ingress = 0)
    {
        var port = (ulong)pod;
        if (egress == 0 && ingress == 0)
        {
            Put("port_class", "pod_port", [port], port, GatewayMac);
            Put("pods", "to_pod", [PodAddress(pod)], port, GatewayMac, PodMac(pod));
            return;
        }

        Put("port_class", "isolated_pod_port", [port], port, GatewayMac, egress, ingress);
        Put("pods", "to_isolated_pod", [PodAddress(pod)], port, GatewayMac, PodMac(pod), egress, ingress);
    }

    public static uint PodAddress(int number) => 0x0AF40100u + (uint)number;

    public static ulong PodMac(int number) => 0x0A0000000000ul + (ulong)number;

    /// <summary>Inserts an entry or replaces its action. Key fields and parameters are in declaration order.</summary>
    public void Put(string table, string action, ulong[] key, params ulong[] parameters) => PutPrefix(table, action, key, 32, parameters);

    public void PutPrefix(string table, string action, ulong[] key, int prefix, params ulong[] parameters)
    {
        var (store, packed, mask) = Key(table, key, prefix);
        var chosen = store.Actions.Single(a => Alias(a.Action.Name) == action).Action;
        Assert.Equal(chosen.Arguments.Count, parameters.Length);
        var data = new byte[chosen.DataBytes];
        for (var i = 0; i < parameters.Length; i++)
        {
            Number(parameters[i], chosen.Arguments[i].Bytes, data.AsSpan(chosen.Arguments[i].Offset));
        }

        using var update = _pipeline.BeginUpdate();
        if (update.Insert(store.Index, packed, mask, 0, chosen.Index, data) == SwxChange.Exists)
        {
            Assert.Equal(SwxChange.Ok, update.Modify(store.Index, packed, mask, 0, chosen.Index, data));
        }

        _pipeline.Commit(update);
    }

    public void Remove(string table, params ulong[] key) => RemovePrefix(table, 32, key);

    public void RemovePrefix(string table, int prefix, params ulong[] key)
    {
        var (store, packed, mask) = Key(table, key, prefix);
        using var update = _pipeline.BeginUpdate();
        Assert.Equal(SwxChange.Ok, update.Delete(store.Index, packed, mask, 0));
        _pipeline.Commit(update);
    }

    /// <summary>Sends a frame into a port and verifies the checksums of the output. Returns null if it was dropped.</summary>
    public (uint Port, Frame Frame)? Send(uint port, Frame frame, ulong? mac = null)
    {
        var source = mac ?? port switch { HostPort => HostMac, UplinkPort => UplinkMac, _ => PodMac((int)port) };
        frame.From(source, GatewayMac);
        if (SendBytes(port, frame.Bytes) is not { } sent)
        {
            return null;
        }

        var received = new Frame(sent.Bytes);
        Checksums.AssertCorrect(received);
        return (sent.Port, received);
    }

    /// <summary>Sends any frame into a port, as it is. Returns null if it was dropped.</summary>
    public (uint Port, byte[] Bytes)? SendBytes(uint port, ReadOnlySpan<byte> frame)
    {
        // The data plane leaves as much room in front of a frame.
        var (offset, length) = (128, frame.Length);
        frame.CopyTo(_buffer.AsSpan(offset));
        var verdict = _worker.Process(_buffer, ref offset, ref length, port, out var to);
        Assert.Equal(0, _pipeline.Statistics.Faulted + _pipeline.Statistics.NoHeadroom + _pipeline.Statistics.Truncated);
        return verdict == SwxVerdict.Transmit ? (to, _buffer.AsSpan(offset, length).ToArray()) : null;
    }

    /// <summary>Sends a frame that must leave by the expected port.</summary>
    public Frame Pass(uint port, Frame frame, uint expectedPort)
    {
        var sent = Send(port, frame);
        Assert.True(sent is not null, $"{frame.Path} was dropped; drops so far: {string.Join(", ", Reasons())}");
        Assert.Equal(expectedPort, sent.Value.Port);
        return sent.Value.Frame;
    }

    /// <summary>Reads a cell of a register array.</summary>
    public ulong Register(string name, long index)
        => _pipeline.ReadRegister(Program.RegisterArrays.Single(r => Alias(r.Name) == name).Index, index);

    /// <summary>Changes a cell of a register array.</summary>
    public void SetRegister(string name, long index, ulong value)
        => _pipeline.WriteRegister(Program.RegisterArrays.Single(r => Alias(r.Name) == name).Index, index, value);

    /// <summary>Packets dropped for a reason.</summary>
    public ulong Drops(DropReason reason) => _pipeline.ReadRegister(Program.FindRegisterArray("drops_0")!.Index, (long)reason);

    private IEnumerable<string> Reasons()
        => Enumerable.Range(0, 64).Where(i => Drops((DropReason)i) > 0).Select(i => $"{(DropReason)i} {Drops((DropReason)i)}");

    /// <summary>Packets counted by an entry's direct counter.</summary>
    public ulong Counted(string table, string counter, params ulong[] key)
    {
        var (store, packed, mask) = Key(table, key, 32);
        Assert.True(_pipeline.TryGetEntryId(store.Index, packed, mask, 0, out var id));
        return _pipeline.ReadRegister(Program.RegisterArrays.Single(r => Alias(r.Name) == counter).Index, id);
    }

    /// <summary>Number of entries of a learner.</summary>
    public int Learned(string learner)
    {
        var count = 0;
        _pipeline.ForEachLearned(Program.Learners.Single(l => Alias(l.Name) == learner).Index, (_, _, _, _, _) => ++count > 0);
        return count;
    }

    public void Dispose() => _worker.Dispose();

    private static (SwxTable Table, byte[] Key, byte[] Mask) Key(string table, ulong[] key, int prefix)
    {
        var store = Program.Tables.Single(t => Alias(t.Name) == table);
        Assert.Equal(store.Key.Count, key.Length);
        var packed = new byte[store.KeyBytes];
        var mask = new byte[store.Kind == SwxMatchKind.Exact ? 0 : store.KeyBytes];
        foreach (var (field, value) in store.Key.Zip(key))
        {
            Number(value, field.Bytes, packed.AsSpan(field.Offset));
            if (mask.Length > 0)
            {
                var (bits, all) = (8 * field.Bytes, ulong.MaxValue >> (64 - (8 * field.Bytes)));
                Number(
                    field.Kind == SwxMatchKind.Lpm && prefix < bits ? all & ~(all >> prefix) : all, field.Bytes, mask.AsSpan(field.Offset));
            }
        }
        return (store, packed, mask);
    }

    private static void Number(ulong value, int bytes, Span<byte> target)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(all, value);
        Assert.True(bytes == 8 || value >> (8 * bytes) == 0, $"{value} does not fit in {bytes} bytes");
        all[(8 - bytes)..].CopyTo(target);
    }

    /// <summary>A name in the specification without the numeric suffix that p4c adds.</summary>
    private static string Alias(string name) => CompilerSuffix().Replace(name, "");

    [GeneratedRegex("_[0-9]+$")]
    private static partial Regex CompilerSuffix();
}
