using ACCOffload.InfraManager.Conditions;
using Grpc.HealthCheck;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>
/// grpc.health.v1: SERVING while every condition is met, apart from what a 24.01 agent has to do, for the services that depend on them.
/// "liveness" is SERVING while the API is served: a restart of this process would not bring back a target or a host.
/// </summary>
internal sealed class HealthPublisher : IAsyncDisposable
{
    /// <summary>The service name for a liveness probe.</summary>
    public const string Liveness = "liveness";

    /// <summary>How long a condition may fail before health reports it: a short reconnect is not reported.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly string[] Ready = ["", "accoffload.v1.Offload", "infra.InfraAgent"];

    private readonly HealthServiceImpl _health;
    private readonly ConditionSource _conditions;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private ServingStatus? _published;
    private long? _unreadySince;
    private Task _running = Task.CompletedTask;

    public HealthPublisher(HealthServiceImpl health, ConditionSource conditions, TimeProvider time)
    {
        _health = health;
        _conditions = conditions;
        _time = time;
    }

    /// <summary>Publishes the current status and its changes.</summary>
    public void Start()
    {
        _health.SetStatus(Liveness, ServingStatus.Serving);
        Update();
        _running = Task.Run(RunAsync);
    }

    /// <summary>Publishes NOT_SERVING: no more requests are accepted.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _health.SetStatus(Liveness, ServingStatus.NotServing);
        Publish(ServingStatus.NotServing);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Interval, _time, _stop.Token);
                Update();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    private void Update()
    {
        if (_conditions.Evaluate().IsServing)
        {
            _unreadySince = null;
            Publish(ServingStatus.Serving);
        }
        else if (_published != ServingStatus.Serving || _time.GetElapsedTime(_unreadySince ??= _time.GetTimestamp()) >= Grace)
        {
            Publish(ServingStatus.NotServing);
        }
    }

    private void Publish(ServingStatus status)
    {
        if (_published == status)
        {
            return;
        }

        _published = status;
        foreach (var service in Ready)
        {
            _health.SetStatus(service, status);
        }
    }
}
