namespace ACCOffload.Faithful;

/// <summary>A TAP port that the target's own scripts make.</summary>
/// <param name="Name">The port.</param>
/// <param name="Delay">How long after the one before, or after the start.</param>
public sealed record OwnTap(string Name, TimeSpan Delay);
