using System.Globalization;
using System.Text;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.Comparison;

internal sealed partial class SideBySide
{
    private readonly Dictionary<string, ulong> _groups = [];

    /// <summary>Compares all register arrays except the given ones, such as those indexed by entry IDs.</summary>
    public void CompareRegisters(params ReadOnlySpan<string> except)
    {
        foreach (var array in Program.RegisterArrays)
        {
            if (except.Contains(array.Name))
            {
                continue;
            }

            var values = new ulong[array.Size];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = Engine.ReadRegister(array.Index, i);
            }

            Tally.Registers[array.Name] = values;
            var command = $"registers {array.Name}";
            Command(command);
            _expected.Add(new Expectation(command, answer => RegisterDifference(answer, values), null));
        }
    }

    // Reports only the first few differences. DPDK has more cells because it rounds the size up to a power of two.
    private static string? RegisterDifference(string answer, ulong[] values)
    {
        var found = new ulong[values.Length];
        foreach (var cell in answer.Split(' ').Skip(1).Select(c => c.Split('=')))
        {
            if (int.Parse(cell[0], CultureInfo.InvariantCulture) is var index && index < found.Length)
            {
                found[index] = ulong.Parse(cell[1], CultureInfo.InvariantCulture);
            }
        }
        if (found.AsSpan().SequenceEqual(values))
        {
            return null;
        }

        var different = Enumerable.Range(0, values.Length).Where(i => found[i] != values[i]).ToList();
        return $"{different.Count} cells differ, as [index] DPDK/engine: "
            + string.Join(' ', different.Take(8).Select(i => $"[{i}] {found[i]}/{values[i]}"));
    }

    /// <summary>Compares the registers indexed by the entry IDs of a table.</summary>
    public void CompareKeyedRegisters(string arrayName, string tableName)
    {
        var array = Program.FindRegisterArray(arrayName)!;
        var table = Program.FindTable(tableName)!;
        foreach (var entry in Entries(table))
        {
            Assert.True(Engine.TryGetEntryId(table.Index, entry.Key, entry.Mask, entry.Priority, out var id));
            // DPDK's access by key uses the ID without the 1 that `entryid` adds.
            CompareNumbers($"keyed {arrayName} {tableName} {entry.MatchText()}", [Engine.ReadRegister(array.Index, id)]);
        }
    }

    /// <summary>Compares the lookup counts of all tables and learners and records DPDK's action counts.</summary>
    public void CompareLookups()
    {
        foreach (var table in Program.Tables)
        {
            var lookups = Engine.TableLookups(table.Index);
            CompareLookups("table", table.Name, table.Kind.ToString(), lookups, skip: 2, table.Actions.Select(a => a.Action));
        }
        foreach (var learner in Program.Learners)
        {
            CompareLookups("learner", learner.Name, "Learner", Engine.LearnerLookups(learner.Index), skip: 6,
                learner.Actions.Select(a => a.Action));
        }
    }

    private void CompareLookups(string what, string name, string kind, SwxLookups lookups, int skip, IEnumerable<SwxAction> actions)
    {
        Command($"{what} {name}");
        _expected.Add(new Expectation($"{what} {name}", answer =>
        {
            var numbers = Numbers(answer);
            if (numbers[0] != (ulong)lookups.Hits || numbers[1] != (ulong)lookups.Misses)
            {
                return $"{what} {lookups.Hits} {lookups.Misses}";
            }

            Tally.Lookups[name] = (kind, lookups.Hits, lookups.Misses);
            foreach (var action in actions)
            {
                Tally.Actions[(name, action.Name)] = (long)numbers[skip + action.Index];
            }

            return null;
        }, null));
    }

    /// <summary>Sets a register on both sides.</summary>
    public void WriteRegister(string arrayName, uint index, ulong value)
    {
        Engine.WriteRegister(Program.FindRegisterArray(arrayName)!.Index, index, value);
        Command($"write {arrayName} {index} {value}");
    }

    /// <summary>Sets a meter on both sides.</summary>
    public void SetMeter(string arrayName, uint index, ulong committedRate, ulong peakRate, ulong committedBurst, ulong peakBurst)
    {
        Engine.SetMeter(
            Program.FindMeterArray(arrayName)!.Index, index, committedRate, peakRate, committedBurst, peakBurst);
        Command($"meter {arrayName} {index} {committedRate} {peakRate} {committedBurst} {peakBurst}");
    }

    /// <summary>Sets a mirroring session on both sides.</summary>
    public void SetMirrorSession(int session, uint port, int truncation)
    {
        Engine.SetMirrorSession(session, port, truncation);
        Command($"mirror {session} {port} {truncation}");
    }

    /// <summary>Sets a timeout of a learner on both sides.</summary>
    public void SetTimeout(string learnerName, int timeoutId, int seconds)
    {
        Engine.SetLearnerTimeout(Program.FindLearner(learnerName)!.Index, timeoutId, TimeSpan.FromSeconds(seconds));
        Command($"timeout {learnerName} {timeoutId} {seconds}");
    }

    /// <summary>Sets the members of a group. Groups must be created in ID order, because DPDK assigns the IDs.</summary>
    public void SetGroup(string selectorName, uint group, SwxMember[] members)
    {
        var selector = Program.FindSelector(selectorName)!;
        var old = Engine.GetGroup(selector.Index, group);
        var known = _groups.GetValueOrDefault(selectorName);
        Assert.True(group <= known);
        if (group == known)
        {
            Command($"group {selectorName} add", $"group {group}");
            _groups[selectorName] = known + 1;
        }
        // Member order matters, so all members are removed and added again.
        foreach (var member in old)
        {
            Command($"member {selectorName} {group} delete {member.Id}");
        }

        foreach (var member in members)
        {
            Command($"member {selectorName} {group} add {member.Id} {member.Weight}");
        }

        Update.SetGroup(selector.Index, group, members);
    }

    private void CompareNumbers(string command, ulong[] numbers)
    {
        Command(command);
        _expected.Add(new Expectation(command, answer =>
        {
            var found = Numbers(answer);
            // DPDK rounds array sizes up to a power of two.
            return found.Length >= numbers.Length && found.AsSpan(0, numbers.Length).SequenceEqual(numbers)
                ? null : string.Join(' ', numbers);
        }, null));
    }

    private static ulong[] Numbers(string answer)
        => [.. answer.Split(' ').Skip(1).Select(n => ulong.Parse(n, CultureInfo.InvariantCulture))];

    /// <summary>The engine's trace of the packet with the current table contents.</summary>
    private string Trace(Packet packet)
    {
        var (offset, length) = (Headroom, packet.Bytes.Length);
        packet.Bytes.CopyTo(_buffer, offset);
        var steps = new TraceText();
        _worker.Trace(_buffer, ref offset, ref length, packet.Port, out _, steps);
        return steps.Text.ToString();
    }

    private sealed class TraceText : ISwxTraceSink
    {
        public StringBuilder Text { get; } = new();

        public bool Truncated { get; private set; }

        public void OnStep(SwxTraceStep step)
        {
            Truncated |= step is SwxNoteStep { Kind: "truncated" };
            Append(step);
        }

        private void Append(SwxTraceStep step) => _ = step switch
        {
            SwxTableStep table => Text.Append(
                CultureInfo.InvariantCulture,
                $"  trace:  {table.Table} {Values(table.Key)} {(table.Hit ? "hit" : "miss")} {table.Action} {Values(table.Arguments)}\n"),
            SwxNoteStep note => Text.Append(CultureInfo.InvariantCulture, $"  trace:  {note.Kind} {note.Subject} {note.Text}\n"),
            _ => Text,
        };

        private static string Values(IReadOnlyList<SwxTraceValue> values)
            => string.Join(' ', values.Select(v => $"{v.Name}=0x{Convert.ToHexStringLower(v.Value)}"));
    }
}
