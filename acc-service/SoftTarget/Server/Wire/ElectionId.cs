using P4.V1;

namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>A controller's election id: compared as high, then low. Zero means none.</summary>
internal readonly record struct ElectionId(ulong High, ulong Low) : IComparable<ElectionId>
{
    public bool IsZero => High == 0 && Low == 0;

    public static ElectionId From(Uint128? id) => id is null ? default : new(id.High, id.Low);

    public Uint128 ToMessage() => new() { High = High, Low = Low };

    public int CompareTo(ElectionId other)
    {
        var high = High.CompareTo(other.High);
        return high != 0 ? high : Low.CompareTo(other.Low);
    }

    public override string ToString() => High == 0 ? $"{Low}" : $"{High}:{Low}";
}
