using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>Which addresses a rule matches. All fields must hold; an empty field holds for every address.</summary>
internal sealed record AddressMatch
{
    public static AddressMatch Any { get; } = new();

    /// <summary>The address is in one of these blocks.</summary>
    public SequenceOf<PolicyNet> Nets { get; init; }

    /// <summary>The address is in none of these blocks.</summary>
    public SequenceOf<PolicyNet> NotNets { get; init; }

    /// <summary>The address is a member of each of these sets.</summary>
    public SequenceOf<string> AllOf { get; init; }

    /// <summary>The address is a member of one of these sets.</summary>
    public SequenceOf<string> AnyOf { get; init; }

    /// <summary>The address is a member of none of these sets.</summary>
    public SequenceOf<string> NoneOf { get; init; }

    public IEnumerable<string> Sets => AllOf.Concat(AnyOf).Concat(NoneOf);
}
