namespace ACCOffload.NativeInterop.Routing;

/// <summary>A token bucket filter (tc-tbf(8)): what a link sends is limited to a rate; what finds its queue full is dropped.</summary>
/// <param name="Rate">Bytes per second.</param>
/// <param name="Burst">Bytes that may be sent at once. A packet that is larger never is.</param>
/// <param name="Limit">Bytes that may wait.</param>
public readonly record struct TokenBucket(ulong Rate, uint Burst, uint Limit);
