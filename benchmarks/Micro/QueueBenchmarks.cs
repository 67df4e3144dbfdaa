using BenchmarkDotNet.Attributes;

namespace ACCOffload.Benchmarks.Micro;

/// <summary>Passes items from several producers to one consumer, through the product's queue and others. Figures are per item.</summary>
// BenchmarkDotNet controls the lifetime through Setup and Cleanup.
#pragma warning disable CA1001
public class QueueBenchmarks
{
    // Less than the queues' capacity: producers are never rejected, so back-pressure is not measured.
    private const int Items = 1 << 15;
    private readonly IQueuePath _intentQueue = new IntentQueuePath();
    private readonly IQueuePath _channel = new ChannelPath();
    private readonly IQueuePath _unbounded = new UnboundedPath();
    private readonly object _item = new();
    private Barrier _start = new(1);
    private Thread[] _producers = [];
    private IQueuePath? _path;

    [Params(1, 2, 8)]
    public int Producers { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _start = new Barrier(Producers + 1);
        _producers = [.. Enumerable.Range(0, Producers).Select(_ => new Thread(Produce) { IsBackground = true })];
        foreach (var producer in _producers)
        {
            producer.Start();
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _path = null;
        _start.SignalAndWait();
        foreach (var producer in _producers)
        {
            producer.Join();
        }

        _start.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public Task IntentQueue() => PassAsync(_intentQueue);

    [Benchmark(OperationsPerInvoke = Items)]
    public Task Channel() => PassAsync(_channel);

    [Benchmark(OperationsPerInvoke = Items)]
    public Task Unbounded() => PassAsync(_unbounded);

    private Task PassAsync(IQueuePath path)
    {
        _path = path;
        _start.SignalAndWait();
        return path.ConsumeAsync(Items);
    }

    private void Produce()
    {
        while (true)
        {
            _start.SignalAndWait();
            if (_path is not { } path)
            {
                return;
            }

            for (var i = 0; i < Items / Producers; i++)
            {
                while (!path.TryEnqueue(_item))
                {
                    Thread.Yield();
                }
            }
        }
    }
}
