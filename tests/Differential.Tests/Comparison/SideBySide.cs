using System.Globalization;
using System.Text;
using ACCOffload.DpdkOracle;
using ACCOffload.SoftTarget.Engine;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.Differential.Tests.Comparison;

/// <summary>
/// One program in DPDK and in the engine. Operations run on the engine immediately and on DPDK in <see cref="FlushAsync"/>,
/// which compares all answers in order.
/// </summary>
internal sealed partial class SideBySide : IAsyncDisposable, ISwxCloneSink
{
    private const int Headroom = 1024;
    private const int Room = 8192;

    private readonly string _name;
    private readonly string _specPath;
    private readonly SwxOracle _oracle;
    private readonly SwxWorker _worker;
    private readonly byte[] _buffer = new byte[Room];
    private readonly StringBuilder _commands = new();
    private readonly StringBuilder _history = new();
    private readonly List<Expectation> _expected = [];
    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<SwxTable, Dictionary<string, TableEntry>> _entries;
    private SwxUpdate? _update;

    private SideBySide(string name, string specPath, SwxProgram program, SwxOracle oracle)
    {
        _name = name;
        _specPath = specPath;
        _oracle = oracle;
        Program = program;
        Engine = new SwxPipeline(program, new SwxPipelineOptions { TimeProvider = _time, MirrorSlots = 4, MirrorSessions = 64 });
        _worker = Engine.CreateWorker();
        _worker.CloneSink = this;
        _entries = program.Tables.ToDictionary(t => t, _ => new Dictionary<string, TableEntry>());
    }

    private sealed record Expectation(string What, Func<string, string?> Check, Packet? Packet);

    public SwxProgram Program { get; }

    public SwxPipeline Engine { get; }

    /// <summary>Whether a packet ends inside a header that the program extracts; null if none does.</summary>
    public Func<Packet, bool>? EndsInHeader { get; init; }

    public Tally Tally { get; } = new();

    public static async Task<SideBySide> StartAsync(string name, string specText, Func<Packet, bool>? endsInHeader = null)
    {
        var path = Path.Combine(Path.GetTempPath(), $"accoffload-{name}-{Guid.NewGuid():N}.spec");
        await File.WriteAllTextAsync(path, specText);
        var oracle = await SwxOracle.StartAsync(path);
        return new SideBySide(name, path, SwxProgram.Parse(specText), oracle) { EndsInHeader = endsInHeader };
    }

    /// <summary>The entries of a table.</summary>
    public IReadOnlyCollection<TableEntry> Entries(SwxTable table) => _entries[table].Values;

    public bool Contains(TableEntry entry) => _entries[entry.Table].ContainsKey(entry.Identity);

    private SwxUpdate Update => _update ??= Engine.BeginUpdate();

    /// <summary>Inserts an entry, or replaces its action.</summary>
    public void Put(TableEntry entry)
    {
        var (table, entries) = (entry.Table, _entries[entry.Table]);
        if (entries.TryGetValue(entry.Identity, out var old) && old.Priority != entry.Priority)
        {
            Remove(old);
        }

        var change = entries.ContainsKey(entry.Identity)
            ? Update.Modify(table.Index, entry.Key, entry.Mask, entry.Priority, entry.Action.Index, entry.Data)
            : Update.Insert(table.Index, entry.Key, entry.Mask, entry.Priority, entry.Action.Index, entry.Data);
        Assert.Equal(SwxChange.Ok, change);
        entries[entry.Identity] = entry;
        Command($"entry {table.Name} add {entry.Text()}");
    }

    public void Remove(TableEntry entry)
    {
        Assert.Equal(SwxChange.Ok, Update.Delete(entry.Table.Index, entry.Key, entry.Mask, entry.Priority));
        _entries[entry.Table].Remove(entry.Identity);
        Command($"entry {entry.Table.Name} delete {entry.Text()}");
    }

    public void SetDefault(SwxTable table, SwxAction action, byte[] data)
    {
        Update.SetDefaultAction(table.Index, action.Index, data);
        Command($"default {table.Name} {TableEntry.ActionText(action, data)}");
    }

    /// <summary>Commits the changes on both sides and starts the next table state.</summary>
    public void Commit()
    {
        using (var update = Update)
        {
            Engine.Commit(update);
        }

        _update = null;
        Tally.States++;
        Command("commit", "committed");
    }

    /// <summary>Sends a packet.</summary>
    /// <returns>The packet that the engine sent; null if it dropped it.</returns>
    public Packet? Send(Packet packet)
    {
        Tally.Packets++;
        if (EndsInHeader?.Invoke(packet) == true)
        {
            Truncated(packet);
            return null;
        }

        var truncated = Engine.Statistics.Truncated;
        var (offset, length) = (Headroom, packet.Bytes.Length);
        packet.Bytes.CopyTo(_buffer, offset);
        _clones.Clear();
        var verdict = _worker.Process(_buffer, ref offset, ref length, packet.Port, out var port);
        if (Engine.Statistics.Truncated != truncated)
        {
            throw new DifferenceException($"{_name}: the engine drops a complete packet as truncated: {packet}");
        }

        Command($"packet {packet.Port} {packet.Hex}");
        foreach (var clone in _clones)
        {
            Expect("clone", clone, packet);
        }

        Tally.Clones += _clones.Count;
        if (verdict == SwxVerdict.Transmit)
        {
            Tally.Transmitted++;
            var sent = new Packet(port, _buffer.AsSpan(offset, length).ToArray());
            Expect("packet", $"out {port} {sent.Hex}", packet);
            return sent;
        }
        Tally.Dropped++;
        Expect("packet", "drop", packet);
        return null;
    }

    /// <summary>
    /// DPDK extracts beyond the end of a packet without a check and continues with whatever follows it in the buffer. Only the
    /// engine's result is defined: it must drop the packet. The engine only traces it, so that its state does not diverge from DPDK's.
    /// </summary>
    private void Truncated(Packet packet)
    {
        var (offset, length) = (Headroom, packet.Bytes.Length);
        packet.Bytes.CopyTo(_buffer, offset);
        var trace = new TraceText();
        if (_worker.Trace(_buffer, ref offset, ref length, packet.Port, out _, trace) != SwxVerdict.Drop || !trace.Truncated)
        {
            throw new DifferenceException($"{_name}: the engine reads beyond the end of the packet: {packet}\n{trace.Text}");
        }

        Tally.Truncated++;
    }

    private readonly List<string> _clones = [];

    void ISwxCloneSink.Clone(ReadOnlySpan<byte> frame, uint port) => _clones.Add($"clone {port} {Convert.ToHexStringLower(frame)}");

    /// <summary>Advances the clock on both sides.</summary>
    public void Advance(TimeSpan time)
    {
        _time.Advance(time);
        Command($"advance {(long)time.TotalMilliseconds}");
    }

    /// <summary>Queues a command for DPDK and the expected answers.</summary>
    private void Command(string command, params ReadOnlySpan<string> answers)
    {
        _commands.Append(command).Append('\n');
        foreach (var answer in answers)
        {
            Expect(command, answer);
        }
    }

    private void Expect(string what, string line, Packet? packet = null)
        => _expected.Add(new Expectation(what, answer => answer == line ? null : line, packet));

    /// <summary>Runs the queued commands on DPDK and compares the answers.</summary>
    public async Task FlushAsync()
    {
        var commands = _commands.ToString();
        _history.Append(commands);
        _commands.Clear();
        var answers = await _oracle.ExchangeAsync(commands);
        for (var i = 0; i < Math.Min(answers.Count, _expected.Count); i++)
        {
            var expectation = _expected[i];
            if (expectation.Check(answers[i]) is { } engine)
            {
                await FailAsync(expectation, answers[i], engine);
            }
        }
        if (answers.Count != _expected.Count)
        {
            await FailAsync(new Expectation("answers", _ => null, null), $"{answers.Count} answers", $"{_expected.Count} expected");
        }

        _expected.Clear();
    }

    private async Task FailAsync(Expectation expectation, string dpdk, string engine)
    {
        var replay = Path.ChangeExtension(_specPath, ".commands");
        await File.WriteAllTextAsync(replay, $"{_history}end\n");
        _keepSpec = true;
        var message = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{_name}, seed {TestSettings.Seed}: {expectation.What} differs\n")
            .Append(CultureInfo.InvariantCulture, $"  DPDK:   {Shorten(dpdk)}\n  engine: {Shorten(engine)}\n");
        if (expectation.Packet is { } packet)
        {
            message.Append(CultureInfo.InvariantCulture, $"  packet: {packet}\n").Append(Trace(packet));
        }

        message.Append(CultureInfo.InvariantCulture, $"  replay: {OracleProgram.Path} {_specPath} < {replay}");
        throw new DifferenceException(message.ToString());
    }

    private static string Shorten(string answer) => answer.Length <= 2000 ? answer : $"{answer.AsSpan(0, 2000)}...";

    private bool _keepSpec;

    public async ValueTask DisposeAsync()
    {
        _update?.Dispose();
        _worker.Dispose();
        await _oracle.DisposeAsync();
        if (!_keepSpec)
        {
            File.Delete(_specPath);
        }
    }
}
