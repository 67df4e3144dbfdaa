namespace ACCOffload.InfraManager.Compile;

/// <summary>The kinds of domain objects that own table entries.</summary>
internal enum OwnerKind
{
    Endpoint = 1,
}

/// <summary>Names a domain object that owns a set of table entries, a pure function of the model.</summary>
internal readonly record struct OwnerId(OwnerKind Kind, long Id)
{
    public static OwnerId OfEndpoint(long id) => new(OwnerKind.Endpoint, id);

    public override string ToString() => $"{Kind} {Id}";
}
