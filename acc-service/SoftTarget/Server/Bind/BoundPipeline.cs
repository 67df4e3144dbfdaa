using System.Collections.Frozen;
using ACCOffload.SoftTarget.Engine;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>A forwarding pipeline config bound to the engine: maps P4Info ids to engine objects.</summary>
internal sealed class BoundPipeline
{
    public required ForwardingPipelineConfig Config { get; init; }

    public required SwxProgram Program { get; init; }

    public required FrozenDictionary<uint, BoundTable> Tables { get; init; }

    public required FrozenDictionary<uint, BoundAction> Actions { get; init; }

    public required FrozenDictionary<uint, BoundProfile> Profiles { get; init; }

    public required FrozenDictionary<uint, BoundCounter> Counters { get; init; }

    public required FrozenDictionary<uint, BoundRegister> Registers { get; init; }

    /// <summary>The cell that counts frames that end within a header; null if no counter is annotated.</summary>
    public (int Array, long Index)? TruncatedCell { get; init; }

    public BoundPacketHeader? PacketIn { get; init; }

    public BoundPacketHeader? PacketOut { get; init; }
}
