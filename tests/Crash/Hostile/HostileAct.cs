namespace ACCOffload.Crash.Hostile;

/// <summary>One thing that a hostile peer does again and again.</summary>
/// <param name="Name">What it is counted under.</param>
/// <param name="Weight">How often it is chosen, compared with others.</param>
/// <param name="DoAsync">Does it once. Returns null, or what the product granted that it must refuse. A connection that breaks is no failure: daemons are killed.</param>
internal sealed record HostileAct(string Name, int Weight, Func<Random, CancellationToken, Task<string?>> DoAsync);
