namespace ACCOffload.Felix.Tests.Calico;

/// <summary>A rule of a policy, of one direction. All conditions must hold; those that are empty always do.</summary>
/// <param name="Action">Allow, Deny, Pass or Log.</param>
/// <param name="Protocol">TCP or UDP; empty for any.</param>
/// <param name="Port">The destination port; 0 for any.</param>
/// <param name="App">The peer is an endpoint or network set with this label; empty for any peer.</param>
/// <param name="Net">The peer's address is in this block; empty for any.</param>
internal sealed record CalicoRule(string Action, string Protocol = "", int Port = 0, string App = "", string Net = "");
