using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// One connection of a Felix: reads its messages, hands them on in order and in batches, and tells Felix that this side is alive and how
/// its endpoints are.
/// </summary>
internal sealed class FelixSession : IDisposable
{
    private const int MaxBatchFrames = 256;
    private const int MaxBatchBytes = 4 * 1024 * 1024;

    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly FelixIntake _intake;
    private readonly FelixReporter _reporter;

    /// <param name="stream">The connection, in both directions. It stays open at the end.</param>
    /// <param name="submit">Submits an intent to the programmer, and returns what is in force after it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public FelixSession(
        Stream stream, Func<FelixIntent, CancellationToken, Task<FelixView>> submit, TimeProvider time, ILogger logger)
    {
        (_stream, _time) = (stream, time);
        _reporter = new FelixReporter(stream, time);
        _intake = new FelixIntake(submit, time, logger) { StatesChanged = _reporter.Set };
    }

    /// <summary>The state. From any thread.</summary>
    public FelixStatus Status => _intake.Status;

    /// <summary>Serves the connection until Felix closes it.</summary>
    /// <exception cref="FelixStreamException">
    /// A frame is not understood, Felix does not read what it is sent, or policy no longer comes from this connection.
    /// </exception>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            await _intake.BeginAsync(ends.Token);
            Task[] tasks = [ReadAsync(ends.Token), _reporter.RunAsync(ends.Token), _intake.CheckAsync(ends.Token)];
            var first = await Task.WhenAny(tasks);
            await ends.CancelAsync();
            await Task.WhenAll(tasks).ContinueWith(
                _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await first;
        }
        finally
        {
            await _intake.EndAsync();
        }
    }

    public void Dispose() => _reporter.Dispose();

    private async Task ReadAsync(CancellationToken cancel)
    {
        await using var frames = new FelixFrames(_stream, _time);
        var decoder = new FelixDecoder();
        while (await frames.ReadAsync(cancel) is { } frame)
        {
            _intake.Arrive();
            await ApplyAsync(frame, frames, decoder, cancel);
        }
    }

    /// <summary>Submits a frame, and those after it that have already arrived.</summary>
    private async Task ApplyAsync(byte[] first, FelixFrames frames, FelixDecoder decoder, CancellationToken cancel)
    {
        var messages = new List<FelixMessage>();
        FelixStreamException? broken = null;
        try
        {
            var frame = first;
            var bytes = 0;
            for (var i = 0; i < MaxBatchFrames && bytes < MaxBatchBytes; i++)
            {
                var message = decoder.Decode(frame);
                if (message.HasEffect)
                {
                    messages.Add(message);
                }

                bytes += frame.Length;
                if (!frames.TryRead(out frame))
                {
                    break;
                }
            }
        }
        catch (FelixStreamException e)
        {
            // What came before it counts.
            broken = e;
        }

        await _intake.TakeAsync(messages, cancel);
        if (broken is not null)
        {
            throw broken;
        }
    }
}
