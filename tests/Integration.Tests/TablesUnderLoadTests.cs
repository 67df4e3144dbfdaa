using System.Diagnostics;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Integration.Tests;

/// <summary>
/// Rows change while packets arrive as fast as one sender can send them: each packet sees one state of the tables, and all are accounted
/// for.
/// </summary>
public sealed class TablesUnderLoadTests
{
    private const int Switches = 400;
    private const int Payload = 22;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task No_packet_sees_rows_of_two_Writes_and_all_losses_are_counted()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var pods = new List<PodEnd>();
        foreach (var name in new[] { "a", "b", "c" })
        {
            var pod = await lab.AddPodAsync(name);
            pods.Add(PodEnd.Of(pod.Namespace, pod.Address));
        }

        await using var target = await RawP4Runtime.ConnectAsync(lab.TargetSocket);
        var versions = await TwoVersions.CreateAsync(target, pods[0], [pods[1], pods[2]], Payload);
        var before = await AccountAsync(lab, target);
        using var first = new Receiver(pods[1], 0, pods[1].Mac);
        using var second = new Receiver(pods[2], 1, pods[2].Mac);
        long sent;
        using (var sender = new Sender(pods[0], [versions.Frame(0), versions.Frame(1)]))
        {
            var clock = Stopwatch.StartNew();
            // Until enough packets of both versions were seen: on a busy machine the receivers get little time.
            for (var i = 0; i < Switches || first.Seen < 100 || second.Seen < 100; i++)
            {
                Assert.True(clock.Elapsed < Limit, $"{i} switches, {first.Seen} and {second.Seen} packets in {Limit.TotalSeconds} s");
                await versions.SwitchAsync(i % 2);
            }

            sent = sender.Stop();
        }

        Account? after = null;
        await Eventually.TrueAsync(
            async () =>
            {
                var last = after;
                after = await AccountAsync(lab, target);
                return after == last && after.In > before.In;
            },
            () => $"the last packets arrive: {after}");
        Assert.Null(first.Mixed);
        Assert.Null(second.Mixed);
        // The socket queues dropped the rest of what was sent.
        Assert.InRange(after!.In - before.In, 200, sent + 100);
        Assert.Equal(after.In - before.In, after.Out - before.Out + after.Unsent - before.Unsent + after.Dropped - before.Dropped);
        Assert.True(after.NotForGateway > before.NotForGateway, "frames of the other version were dropped for their gateway");
    }

    private static async Task<Account> AccountAsync(Lab lab, RawP4Runtime target)
    {
        var ports = await target.PortCountsAsync();
        var drops = await lab.DropsAsync();
        return new Account(ports["in-pkts"], ports["out-pkts"], ports["out-discards"], drops.Values.Sum(),
            drops.Where(d => d.Key.Contains("gateway", StringComparison.OrdinalIgnoreCase)).Sum(d => d.Value));
    }

    private sealed record Account(long In, long Out, long Unsent, long Dropped, long NotForGateway);

    /// <summary>Sends both frames alternately, as fast as it can, on its own thread.</summary>
    private sealed class Sender : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stop;
        private long _sent;

        public Sender(PodEnd from, byte[][] frames)
        {
            _thread = new Thread(() => Run(from, frames)) { IsBackground = true };
            _thread.Start();
        }

        public long Stop()
        {
            _stop = true;
            _thread.Join();
            return _sent;
        }

        public void Dispose() => Stop();

        private void Run(PodEnd from, byte[][] frames)
        {
            using var ns = NetNamespace.OpenNamed(from.Namespace);
            using var port = PacketPort.Open(ns, "eth0");
            using var batch = new PacketBatch();
            using var sender = port.CreateSender(64);
            for (var i = 0; i < frames.Length; i++)
            {
                frames[i].CopyTo(batch.Buffer(i)[batch.Headroom..]);
                batch.SetFrame(i, batch.Headroom, frames[i].Length);
            }

            while (!_stop)
            {
                for (var i = 0; i < sender.Capacity; i++)
                {
                    sender.Add(batch, i % frames.Length);
                }

                sender.Flush();
            }

            _sent = port.Sent;
        }
    }

    /// <summary>Checks every frame that it receives.</summary>
    private sealed class Receiver : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stop;
        private volatile string? _mixed;
        private long _seen;

        public Receiver(PodEnd pod, int version, MacAddress destination)
        {
            _thread = new Thread(() => Run(pod, version, destination)) { IsBackground = true };
            _thread.Start();
        }

        public long Seen => Volatile.Read(ref _seen);

        public string? Mixed => _mixed;

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }

        private void Run(PodEnd pod, int version, MacAddress destination)
        {
            using var ns = NetNamespace.OpenNamed(pod.Namespace);
            using var port = PacketPort.Open(ns, "eth0");
            using var batch = new PacketBatch();
            while (!_stop)
            {
                var count = port.Receive(batch);
                for (var i = 0; i < count; i++)
                {
                    Look(batch.Frame(i), version, destination);
                }

                if (count == 0)
                {
                    Thread.Yield();
                }
            }
        }

        private void Look(ReadOnlySpan<byte> frame, int version, MacAddress destination)
        {
            if (frame.Length < 14 + 20 + 8 + Payload || frame[12] != 8 || frame[13] != 0)
            {
                return;
            }
            // A single Write determines the frame's gateway, its output port and both of its new addresses.
            var made = frame[14 + 20 + 8] - 1;
            if (made != version || new MacAddress(frame[..6]) != destination
                || new MacAddress(frame[6..12]) != TwoVersions.Gateways[version])
            {
                _mixed ??= $"made for version {made + 1}, received on the path of version {version + 1}: "
                    + $"{Convert.ToHexString(frame[..Math.Min(64, frame.Length)])}";
            }

            Volatile.Write(ref _seen, _seen + 1);
        }
    }
}
