using System.Collections.Frozen;

namespace ACCOffload.InfraManager.Target;

/// <summary>The target's latest report on its ports. Immutable.</summary>
/// <param name="Problem">Why no port works at all, or why the target cannot be asked; empty when neither is the case.</param>
/// <param name="Ports">Why individual ports pass no packets, by name.</param>
internal sealed record PortReport(string Problem, FrozenDictionary<string, string> Ports)
{
    /// <summary>A report without problems.</summary>
    public static PortReport Fine { get; } = new("", FrozenDictionary<string, string>.Empty);

    /// <summary>Why a port passes no packets; null if it does, or if nothing is known about it.</summary>
    public string? ProblemOf(string port) => Problem.Length > 0 ? Problem : Ports.GetValueOrDefault(port);
}
