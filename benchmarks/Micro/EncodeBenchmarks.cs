using ACCOffload.Benchmarks.Nodes;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Wire;
using ACCOffload.P4Wire;
using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using P4.V1;
using Entry = ACCOffload.P4Runtime.Entries.Entry;
using Update = P4.V1.Update;

namespace ACCOffload.Benchmarks.Micro;

/// <summary>Serializes a Write of 1024 inserts, from our packed entries and with the generated messages. Figures are per entry.</summary>
public class EncodeBenchmarks
{
    private const int Count = 1024;
    private static readonly ElectionId Election = new(0, 1);
    private EntryUpdate[] _updates = [];
    private Pipeline _pipeline = null!;
    private uint _table;
    private uint _action;

    [GlobalSetup]
    public void Setup()
    {
        _pipeline = PipelineArtifacts.Load(PodEntries.PipelineDirectory).Pipeline;
        _table = _pipeline.Table("pods").Id;
        _action = _pipeline.Table("pods").Action("to_pod").Id;
        _updates = [.. PodEntries.Make(_pipeline, Count).Select(entry => new EntryUpdate(UpdateKind.Insert, entry))];
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public Entry[] Build() => PodEntries.Make(_pipeline, Count);

    [Benchmark(OperationsPerInvoke = Count)]
    public int Encode()
    {
        using var encoded = EncodedWrite.Encode(1, Election, default, _updates);
        return encoded.Length;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int GeneratedMessages()
    {
        var request = new WriteRequest { DeviceId = 1, ElectionId = new Uint128 { Low = 1 } };
        Span<byte> mac = stackalloc byte[6];
        for (uint i = 0; i < Count; i++)
        {
            var action = new P4.V1.Action { ActionId = _action };
            action.Params.Add(new P4.V1.Action.Types.Param { ParamId = 1, Value = ByteString.CopyFrom((byte)(i % 250)) });
            action.Params.Add(new P4.V1.Action.Types.Param { ParamId = 2, Value = ByteString.CopyFrom(mac) });
            action.Params.Add(new P4.V1.Action.Types.Param { ParamId = 3, Value = ByteString.CopyFrom(mac) });
            var entry = new TableEntry { TableId = _table, Action = new TableAction { Action = action } };
            entry.Match.Add(new FieldMatch
            {
                FieldId = 1,
                Exact = new FieldMatch.Types.Exact { Value = ByteString.CopyFrom(10, 244, (byte)(i >> 8), (byte)i) }
            });
            request.Updates.Add(new Update { Type = Update.Types.Type.Insert, Entity = new Entity { TableEntry = entry } });
        }

        return request.ToByteArray().Length;
    }
}
