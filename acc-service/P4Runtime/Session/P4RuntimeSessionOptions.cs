using ACCOffload.P4Runtime.Channels;

namespace ACCOffload.P4Runtime.Session;

/// <summary>Options of a <see cref="P4RuntimeSession"/>, which calls <see cref="Validate"/>.</summary>
public sealed record P4RuntimeSessionOptions
{
    /// <summary>Address and credentials of the P4Runtime server.</summary>
    public required TargetEndpoint Endpoint { get; init; }

    /// <summary>The P4Runtime device id; never 0.</summary>
    public ulong DeviceId { get; init; } = 1;

    /// <summary>The P4Runtime role; empty for the default role, which has full access.</summary>
    public string Role { get; init; } = "";

    /// <summary>Whether to outbid another primary. If not, the session becomes primary only if there is none.</summary>
    public bool TakeOver { get; init; }

    /// <summary>Limit for connecting and for each short RPC.</summary>
    public TimeSpan RpcTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Limit of a Write.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Maximum time between two messages of a Read; a whole Read may take ten times that.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Limit for pushing a pipeline, which is slow on hardware.</summary>
    public TimeSpan PipelineTimeout { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Wait before the first reconnect; doubles with each failure, with jitter.</summary>
    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Maximum wait between two attempts to connect.</summary>
    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Maximum number of updates in one Write; also determines the space for the answer's error details.</summary>
    public int MaxUpdatesPerWrite { get; init; } = 10_000;

    /// <summary>The clock for election IDs, backoff and certificate checks.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Minimum size limit for an answer's headers and trailers.</summary>
    internal int MinHeaderBytes { get; init; } = 64 << 20;

    /// <summary>Throws if a value is out of range.</summary>
    /// <exception cref="ArgumentException">The message names the option.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(Endpoint);
        Endpoint.Validate();
        if (DeviceId == 0)
        {
            throw new ArgumentException("DeviceId must not be 0: P4Runtime servers refuse it");
        }

        if (MaxUpdatesPerWrite is < 1 or > 1_000_000)
        {
            throw new ArgumentException($"MaxUpdatesPerWrite is {MaxUpdatesPerWrite}; it must be from 1 to 1000000");
        }

        Positive(RpcTimeout, nameof(RpcTimeout));
        Positive(WriteTimeout, nameof(WriteTimeout));
        Positive(ReadTimeout, nameof(ReadTimeout));
        Positive(PipelineTimeout, nameof(PipelineTimeout));
        Positive(BackoffMin, nameof(BackoffMin));
        if (BackoffMax < BackoffMin)
        {
            throw new ArgumentException("BackoffMax must not be below BackoffMin");
        }
    }

    private static void Positive(TimeSpan value, string name)
    {
        if (value <= TimeSpan.Zero || value > TimeSpan.FromDays(1))
        {
            throw new ArgumentException($"{name} is {value}; it must be above 0 and at most a day");
        }
    }
}
