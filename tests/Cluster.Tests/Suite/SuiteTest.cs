namespace ACCOffload.Cluster.Tests.Suite;

/// <summary>A test of Kubernetes' own suite, and how it ended.</summary>
/// <param name="Name">Its full name.</param>
/// <param name="State">As ginkgo reports it: passed, failed, skipped, timedout, panicked, interrupted, aborted.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Message">Why it failed, or skipped itself; otherwise empty.</param>
internal sealed record SuiteTest(string Name, string State, double Seconds, string Message);
