using System.Collections.Concurrent;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>Stands for the programmer: keeps the services that are set, and fails when told.</summary>
internal sealed class RecordingServices : IServiceSink
{
    private readonly ConcurrentDictionary<ServiceKey, ServiceSpec?> _services = new();

    public ConcurrentQueue<ServiceIntent> Intents { get; } = new();

    /// <summary>Called for each intent before it holds; throws what it fails with.</summary>
    public Func<ServiceIntent, Task> OnSubmit { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyCollection<ServiceKey> Known => [.. _services.Keys];

    public string Text => ServiceRendering.Render(_services.Values.OfType<ServiceSpec>());

    public int InFlight { get; private set; }

    /// <summary>As if a former life had made it.</summary>
    public void Remember(params ServiceKey[] keys)
    {
        foreach (var key in keys)
        {
            _services[key] = null;
        }
    }

    public bool IsKnown(ServiceKey key) => _services.ContainsKey(key);

    public ServiceSpec? Held(ServiceKey key) => _services.GetValueOrDefault(key);

    public async Task<ServiceSpec?> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken)
    {
        InFlight++;
        try
        {
            await OnSubmit(intent).WaitAsync(cancellationToken);
        }
        finally
        {
            InFlight--;
        }
        Intents.Enqueue(intent);
        if (intent.Spec is { } spec)
        {
            _services[intent.Key] = spec;
        }
        else
        {
            _services.TryRemove(intent.Key, out _);
        }

        return intent.Spec;
    }
}
