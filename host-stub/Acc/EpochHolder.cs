using System.Security.Cryptography;
using ACCOffload.Protos;
using ACCOffload.Retries;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Tracks whether this process has an epoch, and how long to wait before it requests another. There is no wait at first. The wait grows
/// while each epoch is soon lost again, as happens when two agents use the same certificate.
/// </summary>
internal sealed class EpochHolder(TimeProvider time)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(2);

    private readonly Backoff _backoff = new(FirstWait, MaxWait);
    private long _begunAt;

    /// <summary>Identifies this process among others with the same certificate, in the ACC's log and status.</summary>
    public string Agent { get; } = NewName();

    public bool IsHeld { get; private set; }

    /// <summary>How long to wait before requesting the next epoch.</summary>
    public TimeSpan Wait { get; private set; }

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
        if (time.GetElapsedTime(_begunAt) >= StableAfter)
        {
            _backoff.Reset();
            Wait = TimeSpan.Zero;
        }
        else
        {
            Wait = _backoff.Next();
        }
    }

    private static string NewName()
    {
        var random = RandomNumberGenerator.GetHexString(8, lowercase: true);
        var host = string.Concat(Environment.MachineName.Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'));
        var max = ProtocolLimits.MaxAgentNameBytes - random.Length - 1;
        return $"{(host.Length <= max ? host : host[..max])}.{random}";
    }
}
