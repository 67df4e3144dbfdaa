using System.Threading.Channels;
using ACCOffload.HostStub.Cni;
using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.HostStub.Claims;

/// <content>The writer thread and its group commit.</content>
internal sealed partial class ClaimStore
{
    private const int MaxCommit = 256;

    private readonly Thread _writer;
    private volatile string _problem = "";
    private readonly Channel<Write> _writes = Channel.CreateUnbounded<Write>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Why the last commit failed, in one line; empty while commits succeed.</summary>
    public string Problem => _problem;

    /// <summary>Inserts or replaces a claim. The task completes when it is on disk, or with the database's error.</summary>
    public Task PutAsync(Claim claim) => Enqueue(command =>
    {
        command.CommandText = ClaimRow.Upsert;
        ClaimRow.Bind(command.Parameters, claim);
    });

    public Task RemoveAsync(AttachmentKey key) => Enqueue(command =>
    {
        command.CommandText = ClaimRow.Delete;
        ClaimRow.BindKey(command.Parameters, key);
    });

    /// <summary>Records that the claims include this host's attachments that the ACC held.</summary>
    public Task SetCompleteAsync() => Enqueue(command => command.CommandText = "UPDATE state SET value = 1 WHERE name = 'complete'");

    /// <summary>Completes when the writer has tried everything queued before, which shows that it is running.</summary>
    public Task FlushAsync() => Enqueue(null);

    /// <summary>Completes queued writes and closes the database.</summary>
    public void Dispose()
    {
        _writes.Writer.TryComplete();
        if (_writer.IsAlive)
        {
            _writer.Join(TimeSpan.FromSeconds(10));
        }

        _connection.Dispose();
        _lock.Dispose();
    }

    private Task Enqueue(Action<SqliteCommand>? prepare)
    {
        var write = new Write(prepare);
        if (!_writes.Writer.TryWrite(write))
        {
            write.Done.SetException(new ObjectDisposedException(nameof(ClaimStore)));
        }
        return write.Done.Task;
    }

    private void WriteLoop()
    {
        var batch = new List<Write>();
        // A dedicated thread: SQLite blocks in fsync, and must not occupy a pool thread that a request needs.
        while (_writes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            while (batch.Count < MaxCommit && _writes.Reader.TryRead(out var write))
            {
                batch.Add(write);
            }

            try
            {
                CommitBatch(batch);
                _problem = "";
                foreach (var write in batch)
                {
                    write.Done.TrySetResult();
                }
            }
            catch (Exception e)
            {
                _problem = $"{Path} can't be written: {e.Message.ReplaceLineEndings(" ")}";
                foreach (var write in batch)
                {
                    // A flush only checks that the writer is running.
                    if (write.Prepare is null)
                    {
                        write.Done.TrySetResult();
                    }
                    else
                    {
                        write.Done.TrySetException(e);
                    }
                }
            }
        }
    }

    private void CommitBatch(List<Write> batch)
    {
        if (batch.TrueForAll(w => w.Prepare is null))
        {
            // After a failure, test with a write that changes nothing.
            if (_problem.Length > 0)
            {
                _connection.Execute($"PRAGMA user_version = {SchemaVersion}");
            }

            return;
        }
        using var transaction = _connection.BeginTransaction();
        foreach (var write in batch)
        {
            if (write.Prepare is null)
            {
                continue;
            }

            using var command = _connection.CreateCommand();
            command.Transaction = transaction;
            write.Prepare(command);
            command.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    private sealed record Write(Action<SqliteCommand>? Prepare)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
