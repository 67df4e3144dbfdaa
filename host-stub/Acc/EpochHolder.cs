using System.Security.Cryptography;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Whether this process has an epoch, and how long to wait before it asks for another one: not at all at first, longer and longer while each is taken away
/// soon after, as two agents with one certificate would do to each other.
/// </summary>
internal sealed class EpochHolder(TimeProvider time)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Lasting = TimeSpan.FromMinutes(2);

    private TimeSpan _wait;
    private long _begunAt;

    /// <summary>Tells this process from every other one with the same certificate, in the ACC's log and status.</summary>
    public string Agent { get; } = NewName();

    public bool IsHeld { get; private set; }

    /// <summary>How long to wait before the next is begun.</summary>
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
        var lasted = time.GetElapsedTime(_begunAt) >= Lasting;
        _wait = lasted ? TimeSpan.Zero : _wait == TimeSpan.Zero ? FirstWait : _wait * 2 < LongestWait ? _wait * 2 : LongestWait;
    }

    private static string NewName()
    {
        var random = RandomNumberGenerator.GetHexString(8, lowercase: true);
        var host = string.Concat(Environment.MachineName.Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'));
        var most = ProtocolLimits.MaxAgentNameBytes - random.Length - 1;
        return $"{(host.Length <= most ? host : host[..most])}.{random}";
    }
}
