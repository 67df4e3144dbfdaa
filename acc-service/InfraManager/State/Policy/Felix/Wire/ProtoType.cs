namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>How a protobuf field is encoded: the lowest three bits of its tag.</summary>
internal enum ProtoType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}
