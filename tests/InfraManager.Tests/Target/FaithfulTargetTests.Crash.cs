using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.Tests.Programming;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>InfraManager crashes at each of its steps.</content>
public sealed partial class FaithfulTargetTests
{
    /// <summary>The number of ports is a power of two, which the push requires.</summary>
    private static readonly string[] CrashPool = [.. CrashScenario.PortNames, "TAP7"];

    public static TheoryData<string> Points => FaultEnumerationTests.Points;

    [Theory]
    [MemberData(nameof(Points))]
    public async Task The_target_matches_the_model_after_a_crash_at_any_step(string point)
    {
        var crashes = await CrashScenario.CrashAtAsync(Crashable.StartAsync, Enum.Parse<CrashPoint>(point));

        // Ports of the pool are not removed, and the disk does not fail.
        Assert.Equal(point is not (nameof(CrashPoint.AfterPortRemoval) or nameof(CrashPoint.BeforePendingCommit)), crashes > 0);
    }

    private sealed class Crashable(FaithfulTargetTests node) : ICrashHarness
    {
        public Programmer Programmer => node._programmer;

        public Action<CrashPoint> Hook
        {
            set => node._hook = value;
        }

        public int Writes => node._target.Writes;

        public static async Task<ICrashHarness> StartAsync()
        {
            var node = new FaithfulTargetTests
            {
                _named = CrashPool,
                _node = Node with { Devices = Node.Devices with { Pool = CrashPool } }
            };
            await node.StartAsync(new FaithfulBehaviours(), pool: CrashPool);
            await node.ReadyAsync();
            return new Crashable(node);
        }

        public void Refuse(string? mac)
        {
            var refused = mac is null ? null : ByteString.CopyFrom(MacAddress.Parse(mac).ToArray());
            node._target.Refuses = e => refused is not null && e.TableEntry is { } row
                && row.Match.Select(m => m.Exact?.Value).Concat(row.Action.Action.Params.Select(p => p.Value)).Contains(refused);
        }

        public async Task KillAsync()
        {
            node._hook = _ => throw new SimulatedCrashException();
            await node.CloseAsync();
            node._hook = _ => { };
        }

        public async Task RestartTargetAsync()
        {
            CheckLife();
            node._target.ClearLog();
            await node._target.RestartAsync();
        }

        public async Task RestartAsync(bool ready)
        {
            if (node._store is not null)
            {
                await KillAsync();
            }

            node.Open(pool: CrashPool);
            if (ready)
            {
                await node.ReadyAsync();
            }
        }

        public async Task<IReadOnlyList<EndpointView>> SettledAsync()
        {
            await node.ReconciledAsync();
            await Eventually.TrueAsync(() => Difference() is null, () => $"as wanted: {Difference()}");
            CheckLife();
            return node._programmer.Endpoints;
        }

        public ValueTask DisposeAsync() => node.DisposeAsync();

        private void CheckLife()
        {
            Assert.Equal((1, 0), (node._target.Pushes, node._target.PortDeletes));
            Assert.DoesNotContain(node._target.Updates, u => u.Kind == Update.Types.Type.Modify);
        }

        private string? Difference() =>
            ServerRows.Difference(node._programmer, node._node, node._target.Ports, node._target.Rows.Values.SelectMany(r => r));
    }
}
