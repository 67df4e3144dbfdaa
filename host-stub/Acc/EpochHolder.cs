using System.Security.Cryptography;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Tracks whether this process has an epoch, and how long to wait before it requests another: not at all at first, and increasingly longer
/// while each epoch is lost again soon, as happens when two agents use the same certificate.
/// </summary>
internal sealed class EpochHolder(TimeProvider time)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(2);

    private TimeSpan _wait;
    private long _begunAt;

    /// <summary>Identifies this process among others with the same certificate, in the ACC's log and status.</summary>
    public string Agent { get; } = NewName();

    public bool IsHeld { get; private set; }

    /// <summary>How long to wait before requesting the next epoch.</summary>
    public TimeSpan Wait => _wait == TimeSpan.Zero ? _wait : _wait * (0.8 + (Random.Shared.NextDouble() * 0.4));

    public void Begun()
    {
        IsHeld = true;
        _begunAt = time.GetTimestamp();
    }

    public void Lost()
    {
        if (!IsHeld)
        {
            return;
        }

        IsHeld = false;
        var wasStable = time.GetElapsedTime(_begunAt) >= StableAfter;
        _wait = wasStable ? TimeSpan.Zero : _wait == TimeSpan.Zero ? FirstWait : _wait * 2 < MaxWait ? _wait * 2 : MaxWait;
    }

    private static string NewName()
    {
        var random = RandomNumberGenerator.GetHexString(8, lowercase: true);
        var host = string.Concat(Environment.MachineName.Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'));
        var max = ProtocolLimits.MaxAgentNameBytes - random.Length - 1;
        return $"{(host.Length <= max ? host : host[..max])}.{random}";
    }
}
