using ACCOffload.SoftTarget.Tests.Support;
using CsCheck;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using Atomicity = P4.V1.WriteRequest.Types.Atomicity;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Model;

/// <summary>Random batches on the target and on the oracle must give the same answers and the same tables.</summary>
public sealed class ModelTests
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    // Few keys, so that updates collide: inserts of existing entries, deletes of entries in use.
    private static readonly Gen<ulong> Small = Gen.ULong[0, 3];

    private static readonly Gen<TableEntry> Bridge = Gen.Select(Small, Small, (key, port)
        => Pipeline.Entry("bridge", [Exact(1, key)], port == 0 ? Pipeline.Do("flood_drop") : Pipeline.Do("forward", port)));

    private static readonly Gen<TableEntry> Port = Gen.Select(Gen.ULong[0, 29], Small, (key, tag)
        => Pipeline.Entry("ingress_port", [Exact(1, key)], Pipeline.Do("mark", tag, 511 - tag)));

    private static readonly Gen<TableEntry> Route = Gen.Select(Gen.Int[0, 4], Small, Small, (length, prefix, port)
        => Pipeline.Entry(
            "route",
            length == 0 ? [] : [Lpm(1, (prefix << 30) & (0xFFFF_FFFFul << (32 - length)) & 0xFFFF_FFFF, length)],
            Pipeline.Do("out_of", port)));

    private static readonly Gen<TableEntry> Access = Gen.Select(
        Gen.Int[1, 2], Gen.ULong[0, 1], Small, Small, Gen.Bool, Gen.ULong[0, 2], (priority, tag, low, span, ternary, protocol) =>
        {
            List<FieldMatch> match = [];
            if (ternary)
            {
                match.Add(Ternary(1, low << 8, 0x300));
            }

            match.Add(Fields.Range(3, low, low + span));
            if (protocol != 0)
            {
                match.Add(Optional(4, protocol));
            }

            match.Add(Exact(5, tag));
            return Pipeline.Entry("access", [.. match], Pipeline.Do("mark", low, span), priority);
        });

    private static readonly Gen<TableEntry> Service = Gen.Select(Small, Gen.UInt[1, 3], Gen.Bool, (vip, id, group)
        => Pipeline.Entry(
            "service", [Exact(1, vip)], group ? new TableAction { ActionProfileGroupId = id }
                : new TableAction { ActionProfileMemberId = id }));

    private static readonly Gen<Update> Member = Gen.Select(Gen.UInt[1, 3], Small, Type(), (id, port, type)
        => TargetClient.Of(type, new ActionProfileMember
        {
            ActionProfileId = Pipeline.Profile("balancer"),
            MemberId = id,
            Action = Pipeline.Call("out_of", port),
        }));

    private static readonly Gen<Update> Group = Gen.Select(Gen.UInt[1, 3], Gen.UInt[1, 3], Gen.Int[1, 3], Type(), (id, member, weight, type)
        =>
        {
            var group = new ActionProfileGroup { ActionProfileId = Pipeline.Profile("balancer"), GroupId = id };
            for (var i = 1u; i <= member; i++)
            {
                group.Members.Add(new ActionProfileGroup.Types.Member { MemberId = i, Weight = weight });
            }

            return TargetClient.Of(type, group);
        });

    private static readonly Gen<Update> AnyUpdate = Gen.Frequency(
        (3, Gen.Select(Type(), Bridge, TargetClient.Of)),
        (6, Gen.Select(Type(), Port, TargetClient.Of)),
        (3, Gen.Select(Type(), Route, TargetClient.Of)),
        (4, Gen.Select(Type(), Access, TargetClient.Of)),
        (3, Gen.Select(Type(), Service, TargetClient.Of)),
        (2, Member),
        (2, Group));

    private static readonly Gen<WriteRequest> Batch = Gen.Select(
        AnyUpdate.Array[1, 20],
        Gen.Int[0, 3].Select(i => (Atomicity)(i % 3)),
        (updates, atomicity) =>
        {
            var request = TargetClient.Request(updates);
            request.Atomicity = atomicity;
            return request;
        });

    [Fact]
    public async Task The_target_agrees_with_the_oracle()
    {
        await using var target = await TestTarget.StartAsync(Pipeline);
        var seen = new HashSet<StatusCode>();
        await Batch.Array[1, 12].SampleAsync(
            async batches =>
            {
                await ClearAsync(target.Client);
                var oracle = new TableOracle();
                foreach (var batch in batches)
                {
                    var expected = oracle.Apply(batch);
                    var actual = await target.Client.ErrorsAsync(batch);
                    Assert.Equal(expected, actual.Select(e => (StatusCode)e.CanonicalCode));
                    seen.UnionWith(expected);
                    await CompareAsync(oracle, target.Client);
                }
            },
            iter: 120,
            threads: 1);

        // Otherwise the test was not demanding enough.
        Assert.Superset(
            new HashSet<StatusCode>
            {
                StatusCode.OK,
                StatusCode.AlreadyExists,
                StatusCode.NotFound,
                StatusCode.ResourceExhausted,
                StatusCode.FailedPrecondition,
                StatusCode.Aborted,
            },
            seen);
    }

    private static Gen<UpdateType> Type()
        => Gen.Int[0, 4].Select(i => i < 3 ? UpdateType.Insert : i == 3 ? UpdateType.Modify : UpdateType.Delete);

    private static Task<List<Entity>> ReadAllAsync(TargetClient client) => client.ReadAsync(
        new Entity { TableEntry = new TableEntry() },
        new Entity { ActionProfileMember = new ActionProfileMember() },
        new Entity { ActionProfileGroup = new ActionProfileGroup() });

    private static async Task CompareAsync(TableOracle oracle, TargetClient client)
    {
        var expected = oracle.Entries.Select(e => new Entity { TableEntry = e })
            .Concat(oracle.Members.Select(m => new Entity { ActionProfileMember = m }))
            .Concat(oracle.Groups.Select(g => new Entity { ActionProfileGroup = g }));
        Assert.Equal(expected.Select(e => e.ToString()).Order(), (await ReadAllAsync(client)).Select(e => e.ToString()).Order());
    }

    private static async Task ClearAsync(TargetClient client)
    {
        // Delete entries before the groups they refer to, and groups before their members.
        var all = await ReadAllAsync(client);
        Entity.EntityOneofCase[] order = [Entity.EntityOneofCase.TableEntry, Entity.EntityOneofCase.ActionProfileGroup,
            Entity.EntityOneofCase.ActionProfileMember];
        await client.P4.WriteAsync(TargetClient.Request(
            all.OrderBy(e => Array.IndexOf(order, e.EntityCase)).Select(e => new Update { Type = UpdateType.Delete, Entity = e })));
    }
}
