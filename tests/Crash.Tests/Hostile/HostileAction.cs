namespace ACCOffload.Crash.Tests.Hostile;

/// <summary>One kind of hostile action.</summary>
/// <param name="Name">The name under which it is counted.</param>
/// <param name="Weight">The relative frequency.</param>
/// <param name="DoAsync">Performs it once. Returns null, or what the product did wrong. A broken connection is not a failure, because
/// daemons are killed.</param>
internal sealed record HostileAction(string Name, int Weight, Func<Random, CancellationToken, Task<string?>> DoAsync);
