using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.HostStub.Tests;

/// <summary>Compares the pool with a model, over random sequences of events.</summary>
public sealed class DevicePoolTests : IDisposable
{
    private const int Devices = 12;
    private const int Steps = 10_000;

    private readonly string _directory = Directory.CreateTempSubdirectory("pools-").FullName;
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly FakeKind _kind = new();
    private ClaimStore _store;
    private ClaimTable _claims;
    private DevicePools _pools;

    public DevicePoolTests() => (_store, _claims, _pools) = Open(0);

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task The_pool_matches_the_model_over_ten_thousand_random_steps()
    {
        var random = new Random(20240612);
        var model = new Dictionary<AttachmentKey, string>();
        var quarantined = new Dictionary<string, DateTimeOffset>();
        _kind.Names = [.. Enumerable.Range(0, Devices).Select(i => $"d{i}")];
        var next = 0;
        for (var step = 0; step < Steps; step++)
        {
            foreach (var over in quarantined.Where(a => a.Value <= _time.GetUtcNow()).Select(a => a.Key).ToArray())
            {
                quarantined.Remove(over);
            }

            var free = _kind.Names.Except(model.Values).Except(quarantined.Keys).ToHashSet();
            switch (random.Next(100))
            {
                case < 45:
                    Add(new AttachmentKey("net", $"c{next++}", "eth0"), free, model);
                    break;
                case < 70 when model.Count > 0:
                    await DeleteAsync(model, random);
                    break;
                case < 73 when model.Count > 0:
                    // A pod dies without a DEL: the device is free after the next check, and the claim stays until the DEL.
                    var dead = model.Keys.ElementAt(random.Next(model.Count));
                    _kind.Dead.Add(dead);
                    model.Remove(dead);
                    Look();
                    break;
                case < 75 when _kind.Dead.Count > 0:
                    var late = _claims.Get(_kind.Dead.First())!;
                    Assert.True(_pools.IsDeviceReleased(late), "a late DEL would take the device from its new holder");
                    _kind.Dead.Remove(late.Key);
                    await _claims.RemoveAsync(late.Key);
                    break;
                case < 85:
                    await FailAsync(new AttachmentKey("net", $"c{next++}", "eth0"), free, quarantined);
                    break;
                case < 90:
                    _time.Advance(TimeSpan.FromSeconds(random.Next(60)));
                    break;
                case < 91:
                    await CrashAsync(new AttachmentKey("net", $"c{next++}", "eth0"), free);
                    // Failures are in memory only: these devices are tried again.
                    quarantined.Clear();
                    break;
                case < 93:
                    // Removed from the machine, or added again: devices in use stay in use.
                    _kind.Names = random.Next(2) == 0 ? [.. _kind.Names.Skip(1)] : [.. Enumerable.Range(0, Devices).Select(i => $"d{i}")];
                    break;
            }
            Check(model, quarantined);
        }
    }

    [Fact]
    public void The_255th_of_254_devices_is_refused_until_one_is_returned()
    {
        _kind.Names = [.. Enumerable.Range(0, 300).Select(i => $"d{i}")];
        var keys = Enumerable.Range(0, 254).Select(i => new AttachmentKey("net", $"c{i}", "eth0")).ToArray();
        foreach (var key in keys)
        {
            Reserve(key);
        }

        var refusal = Assert.Throws<CniException>(() => Reserve(new AttachmentKey("net", "late", "eth0")));
        Assert.Equal((int)CniErrorCode.TryAgainLater, refusal.Code);
        Assert.Contains("all 254 devices of the kind fake are in use", refusal.Message, StringComparison.Ordinal);
        _ = _claims.RemoveAsync(keys[7]);
        Assert.Equal("d7", Reserve(new AttachmentKey("net", "late", "eth0")).Device);
    }

    [Fact]
    public void A_configured_limit_overrides_the_kinds_own()
    {
        _store.Dispose();
        (_store, _claims, _pools) = Open(1);
        _kind.Names = ["d0", "d1"];
        Reserve(new AttachmentKey("net", "a", "eth0"));
        Assert.Throws<CniException>(() => Reserve(new AttachmentKey("net", "b", "eth0")));
    }

    [Fact]
    public void A_device_that_failed_is_tried_again_later()
    {
        _kind.Names = ["d0"];
        _pools.Quarantine.Add("fake", "d0", "it burns");
        Assert.Throws<CniException>(() => Reserve(new AttachmentKey("net", "a", "eth0")));
        var state = Assert.Single(_pools.States());
        Assert.Equal(("d0", "it burns"), (Assert.Single(state.Quarantined).Device, state.Quarantined[0].Reason));
        Assert.Empty(state.Free);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("d0", Reserve(new AttachmentKey("net", "a", "eth0")).Device);
        Assert.Empty(_pools.States()[0].Quarantined);
    }

    private void Add(AttachmentKey key, HashSet<string> free, Dictionary<AttachmentKey, string> model)
    {
        if (free.Count == 0)
        {
            Assert.Equal((int)CniErrorCode.TryAgainLater, Assert.Throws<CniException>(() => Reserve(key)).Code);
            return;
        }
        var claim = Reserve(key);
        Assert.Contains(claim.Device, free);
        _ = _claims.PutAsync(claim with { State = ClaimState.Attached });
        model.Add(key, claim.Device);
    }

    private async Task DeleteAsync(Dictionary<AttachmentKey, string> model, Random random)
    {
        var key = model.Keys.ElementAt(random.Next(model.Count));
        // Partly removed, then completely: the device has a holder until the end.
        _ = _claims.PutAsync(_claims.Get(key)! with { State = ClaimState.Deleting });
        Check(model, null);
        if (random.Next(2) == 0)
        {
            await _claims.PutAsync(_claims.Get(key)! with { State = ClaimState.Released });
        }
        else
        {
            _ = _claims.RemoveAsync(key);
        }

        model.Remove(key);
    }

    private async Task FailAsync(AttachmentKey key, HashSet<string> free, Dictionary<string, DateTimeOffset> quarantined)
    {
        if (free.Count == 0)
        {
            return;
        }

        var claim = Reserve(key);
        _pools.Quarantine.Add("fake", claim.Device, "failed by the test");
        quarantined[claim.Device] = _time.GetUtcNow() + TimeSpan.FromSeconds(60);
        await _claims.RemoveAsync(key);
    }

    private async Task CrashAsync(AttachmentKey key, HashSet<string> free)
    {
        if (free.Count > 0)
        {
            await ReserveRecordedAsync(key);
        }

        _store.Dispose();
        (_store, _claims, _pools) = Open(0);
        // As the reconciler does after a start.
        foreach (var half in _claims.All().Where(c => c.State is ClaimState.Adding or ClaimState.Deleting))
        {
            await _claims.RemoveAsync(half.Key);
        }

        Look();
    }

    private void Look()
    {
        var attached = _claims.All().Where(c => c.State == ClaimState.Attached).ToArray();
        var missing = _pools.Missing(attached);
        foreach (var claim in attached.Where(c => missing.Contains(c.Key) && !c.PodGone))
        {
            Assert.True(_claims.SetVanished(claim, true, true));
        }
    }

    private void Check(Dictionary<AttachmentKey, string> model, Dictionary<string, DateTimeOffset>? quarantined)
    {
        var held = _claims.All().Where(c => c.State != ClaimState.Released && !_kind.Dead.Contains(c.Key))
            .ToDictionary(c => c.Key, c => c.Device);
        Assert.Equal(model.OrderBy(m => m.Value), held.OrderBy(h => h.Value));
        Assert.Equal(held.Count, held.Values.Distinct().Count());
        if (quarantined is null)
        {
            return;
        }

        var state = Assert.Single(_pools.States());
        Assert.Equal(model.Count, state.InUse);
        Assert.Equal(
            quarantined.Where(a => a.Value > _time.GetUtcNow()).Select(a => a.Key).Order(),
            state.Quarantined.Select(s => s.Device).Order());
        Assert.Equal(_kind.Names.Except(model.Values).Except(state.Quarantined.Select(s => s.Device)).Order(), state.Free.Order());
    }

    private Claim Reserve(AttachmentKey key) => _pools.Reserve(_kind, key, "", plan => Plan(key, plan)).Claim;

    [Fact]
    public async Task There_are_never_more_attachments_than_a_Sync_may_list()
    {
        _kind.Names = [.. Enumerable.Range(0, 8).Select(i => $"d{i}")];
        // Of another kind: the limit of each kind would permit more.
        var plan = new DevicePlan("", "acc00000000000", MacAddress.Random());
        for (var i = 0; i < ProtocolLimits.MaxAttachments - 2; i++)
        {
            _claims.PutInMemory(
                Plan(new AttachmentKey("net", $"c{i}", "eth0"), plan) with { DeviceKind = "other", State = ClaimState.Attached });
        }

        _claims.PutInMemory(Plan(AttachmentKey.ForHost("accoffload0"), plan) with { DeviceKind = "other", State = ClaimState.Attached });
        await ReserveRecordedAsync(new AttachmentKey("net", "last", "eth0"));
        var e = Assert.Throws<CniException>(() => _pools.Reserve(
            _kind, new AttachmentKey("net", "one more", "eth0"), "", p => Plan(new AttachmentKey("net", "one more", "eth0"), p)));
        Assert.Equal((int)CniErrorCode.TryAgainLater, e.Code);
        await _claims.PutAsync(_claims.Get(new AttachmentKey("net", "last", "eth0"))! with { State = ClaimState.Attached });
        Assert.Equal(ProtocolLimits.MaxAttachments, _claims.TakeSnapshot().Attached.Count);
    }

    private async Task ReserveRecordedAsync(AttachmentKey key) => await _pools.Reserve(_kind, key, "", plan => Plan(key, plan)).Recorded;

    private static Claim Plan(AttachmentKey key, DevicePlan plan) => new()
    {
        Key = key,
        State = ClaimState.Adding,
        DeviceKind = "fake",
        Device = plan.Device,
        PortName = plan.PortName,
        Mac = plan.Mac,
        Mtu = 1500,
    };

    private (ClaimStore Store, ClaimTable Claims, DevicePools Pools) Open(int limit)
    {
        var store = ClaimStore.Open(Path.Combine(_directory, "agent.db"));
        var claims = new ClaimTable(store);
        return (store, claims, new DevicePools(claims, [_kind], "fake", limit, new DeviceQuarantine(_time, TimeSpan.FromSeconds(60))));
    }

    /// <summary>Devices that exist only as names.</summary>
    private sealed class FakeKind : IDeviceKind
    {
        public IReadOnlyList<string> Names { get; set; } = [];

        public HashSet<AttachmentKey> Dead { get; } = [];

        public bool IsPooled => true;

        public string Kind => "fake";

        public int DefaultLimit => 254;

        public IReadOnlyList<string> Devices() => Names;

        public DevicePlan Plan(PlanRequest request) =>
            Names.FirstOrDefault(n => !request.InUse.Contains(n) && !request.Quarantined.Contains(n)) is { } free
                ? new DevicePlan(free, PortName.For(request.Key), MacAddress.Random())
                : throw new CniException(CniErrorCode.TryAgainLater, "no device is free");

        public PodInterface Create(PortRequest request, PodNetwork pod) => throw new NotSupportedException();

        public Task DeleteAsync(Claim claim) => Task.CompletedTask;

        public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) =>
            claims.Select(c => c.Key).Where(k => !Dead.Contains(k)).ToHashSet();

        public string? Problem(Claim claim) => null;
    }
}
