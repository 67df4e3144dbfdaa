namespace ACCOffload.FaithfulTarget;

/// <summary>A TAP port that the target's own scripts create.</summary>
/// <param name="Name">The port's name.</param>
/// <param name="Delay">The delay after the previous TAP, or after the start.</param>
public sealed record ScriptTap(string Name, TimeSpan Delay);
