using System.Collections.Frozen;

namespace ACCOffload.InfraManager.Target;

/// <summary>What the target last said of its ports. Immutable.</summary>
/// <param name="Problem">Why the target can open no port at all, or can't be asked; empty while neither is so.</param>
/// <param name="Ports">Why single ports don't pass packets, by name.</param>
internal sealed record PortReport(string Problem, FrozenDictionary<string, string> Ports)
{
    /// <summary>Nothing is wrong.</summary>
    public static PortReport Fine { get; } = new("", FrozenDictionary<string, string>.Empty);

    /// <summary>Why a port does not pass packets; null while it does, or nothing is known of it.</summary>
    public string? ProblemOf(string port) => Problem.Length > 0 ? Problem : Ports.GetValueOrDefault(port);
}
