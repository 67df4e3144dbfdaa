namespace ACCOffload.NativeInterop.Devlink;

/// <summary>What a function may send, in bytes per second; null leaves a thing as it is.</summary>
/// <param name="TxShare">Guaranteed; 0 for nothing.</param>
/// <param name="TxMax">The most; 0 for no limit.</param>
public sealed record DevlinkRate(ulong? TxShare = null, ulong? TxMax = null);
