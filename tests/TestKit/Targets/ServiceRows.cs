using System.Globalization;
using System.Net;

namespace ACCOffload.TestKit.Targets;

/// <summary>
/// The services that the target's rows implement, read from the target and evaluated as by the pipeline, without the product's code:
/// "address:port/protocol" → the backends of new flows as "address:port" in order, or "refused".
/// </summary>
public sealed class ServiceRows
{
    private const uint FirstSuccessor = 0x10000;
    private static readonly HashSet<string> Tables =
        ["endpoints", "backends", "buckets", "source_ranges", "frontends", "services", "clock"];

    private readonly Dictionary<string, List<Row>> _tables;

    private ServiceRows(IEnumerable<string> rows) =>
        _tables = rows.Select(Row.Parse).GroupBy(r => r.Table).ToDictionary(g => g.Key, g => g.ToList());

    /// <summary>The backends for internal traffic; those for external traffic must be the same.</summary>
    public Dictionary<string, string> Frontends { get; } = [];

    /// <summary>Addresses of backends that drain: they get no new flows.</summary>
    public HashSet<string> Draining { get; } = [];

    /// <summary>
    /// Whether a row, in the notation of <see cref="TargetReader"/>, belongs to a service, records the IDs allocated for services or tells
    /// the time for their affinity.
    /// </summary>
    public static bool IsServiceRow(string row) =>
        Tables.Contains(row[..row.IndexOf(' ', StringComparison.Ordinal)]) || row.StartsWith("held kind=3 ", StringComparison.Ordinal);

    /// <exception cref="InvalidOperationException">The rows are inconsistent.</exception>
    public static async Task<ServiceRows> ReadAsync(TargetReader target)
    {
        var rows = new ServiceRows(await target.RowsAsync());
        rows.Follow();
        return rows;
    }

    private List<Row> Of(string table) => _tables.GetValueOrDefault(table) ?? [];

    private void Follow()
    {
        var endpoints = Of("endpoints").ToDictionary(r => $"{Key(r)}/{r["protocol"]}", r => r["id"]);
        var backends = Of("backends").ToDictionary(r => r["backend_id"]);
        var buckets = Of("buckets").GroupBy(r => r["set_id"])
            .ToDictionary(g => g.Key, g => g.ToDictionary(r => r["bucket"], r => r["backend_id"]));
        var frontends = Of("frontends").ToDictionary(r => r["frontend_id"], Key);
        var used = new HashSet<uint>();
        var sets = new HashSet<uint>();
        var protocols = new Dictionary<uint, uint>();
        foreach (var row in Of("services").OrderBy(r => r["outside"]))
        {
            Check(frontends.GetValueOrDefault(row["frontend_id"]) == Key(row), $"the frontend of {row}");
            var servers = "refused";
            if (row.Action == "balance")
            {
                var all = buckets[row["set_id"]].Where(b => b.Key < FirstSuccessor).ToDictionary();
                sets.Add(row["set_id"]);
                Check(all.Keys.Order()
                    .SequenceEqual(Enumerable.Range(0, (int)row["buckets"]).Select(i => (uint)i)), $"the buckets of {row}");
                var successors = buckets[row["set_id"]].Where(b => b.Key is >= FirstSuccessor and < 2 * FirstSuccessor).ToDictionary();
                Check(successors.Keys.Order()
                    .SequenceEqual(Enumerable.Range(0, (int)row["succession"])
                        .Select(i => FirstSuccessor + (uint)i)), $"the succession of {row}");
                foreach (var (bucket, id) in successors)
                {
                    var drains = backends.GetValueOrDefault(id)?.Action == "drain_backend";
                    Check(backends.ContainsKey(id) && buckets[row["set_id"]]
                        .ContainsKey(bucket + FirstSuccessor) == drains, $"backend {id} of the succession of {row}");
                }

                foreach (var id in all.Values)
                {
                    Check(backends.GetValueOrDefault(id)?.Action == "to_backend", $"backend {id} of {row}");
                    used.Add(id);
                    protocols[id] = row["protocol"];
                }

                // Shares are even: the bucket counts of two backends differ by one at most.
                var shares = all.Values.GroupBy(id => id).Select(g => g.Count()).ToList();
                Check(shares.Max() - shares.Min() <= 1, $"the shares of {row}: {string.Join(' ', shares)}");
                servers = string.Join(' ', all.Values.Distinct().Select(id => Key(backends[id])).Order());
            }

            var frontend = $"{Key(row)}/{row["protocol"]}";
            if (row["outside"] == 0)
            {
                Frontends[frontend] = servers;
            }
            else
            {
                Check(Frontends.GetValueOrDefault(frontend) == servers, $"the same inside and outside: {row}");
            }
        }

        foreach (var (id, backend) in backends)
        {
            if (backend.Action == "drain_backend")
            {
                Draining.Add(Key(backend).Split(':')[0]);
            }
            else
            {
                Check(used.Contains(id), $"a bucket for {backend}");
            }

            Check(!protocols.TryGetValue(id, out var protocol)
                || endpoints.GetValueOrDefault($"{Key(backend)}/{protocol}") == backend["endpoint_id"], $"the endpoint of {backend}");
        }

        Check(endpoints.Values.ToHashSet().SetEquals(backends.Values.Select(b => b["endpoint_id"])), "every endpoint has a backend");
        Check(sets.SetEquals(buckets.Keys), "only sets in use have buckets");
    }

    private static string Key(Row row) =>
        string.Create(
            CultureInfo.InvariantCulture, $"{new IPAddress((long)(uint)IPAddress.HostToNetworkOrder((int)row["ip"]))}:{row["port"]}");

    private static void Check(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"the rows are inconsistent; expected: {what}");
        }
    }

    /// <summary>A row in the notation of <see cref="TargetReader"/>: "table field=1f … action(parameter=2e …)".</summary>
    private sealed record Row(string Table, string Action, IReadOnlyDictionary<string, uint> Values, string Text)
    {
        public uint this[string name] => Values[name];

        public static Row Parse(string text)
        {
            var (head, tail) =
                (text[..text.IndexOf('(', StringComparison.Ordinal)], text[(text.IndexOf('(', StringComparison.Ordinal) + 1)..^1]);
            var words = head.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var values = words[1..^1].Concat(tail.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(w => w.Split('='));
            return new Row(words[0], words[^1], values.DistinctBy(v => v[0]).ToDictionary(v => v[0], v => Number(v[1])), text);
        }

        public override string ToString() => Text;

        // Prefixes and MACs get this value: no row that is evaluated has them.
        private static uint Number(string hex) =>
            uint.TryParse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var n) ? n : uint.MaxValue;
    }
}
