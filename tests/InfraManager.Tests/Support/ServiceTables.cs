using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>
/// Renders as text which backends get new flows: once from the rows of the service tables, read as the pipeline reads them, and once from
/// the specifications. It is independent of the compiler and the planner: if the two texts differ, one of those is wrong.
/// </summary>
internal static class ServiceTables
{
    private const int FirstSuccessor = 0x10000;

    /// <summary>How the line ends for a frontend that was given up and only serves its existing flows.</summary>
    public const string GivenUp = ": leave pool 0";

    /// <summary>One line for each address, port, protocol and side that has a row.</summary>
    /// <exception cref="InvalidDataException">The rows are inconsistent: for example, one refers to a missing row or is unused.</exception>
    public static string Render(IEnumerable<Entry> rows)
    {
        var tables = rows.Select(Row.Of).ToLookup(r => r.Table);
        var backends = tables["backends"].ToDictionary(r => r["backend_id"]);
        var buckets = tables["buckets"].ToLookup(r => r["set_id"]);
        var ranges = tables["source_ranges"].ToLookup(r => r["ranges_id"], r => r["src_ip"]);
        var frontends = tables["frontends"].ToDictionary(r => r["frontend_id"]);
        var endpoints = tables["endpoints"].ToDictionary(r => r["id"]);
        var seen = new HashSet<string>();
        var lines = new List<string>();
        foreach (var row in tables["services"])
        {
            var frontend = frontends.GetValueOrDefault(row["frontend_id"]) ?? throw new InvalidDataException($"{row} has no frontend");
            if ((frontend["ip"], frontend["port"]) != (row["ip"], row["port"]))
            {
                throw new InvalidDataException($"replies to {row} come from {frontend}");
            }

            var who = row.Action;
            if (row.Action == "balance")
            {
                var set = buckets[row["set_id"]].Where(b => BucketOf(b) < FirstSuccessor).OrderBy(BucketOf).ToList();
                CheckSuccession(row, [.. buckets[row["set_id"]].Where(b => BucketOf(b) >= FirstSuccessor)], backends);
                if (set.Count.ToString(CultureInfo.InvariantCulture) != row["buckets"]
                    || set.Where((b, i) => b["bucket"] != i.ToString(CultureInfo.InvariantCulture)).Any())
                {
                    throw new InvalidDataException($"{row} has {set.Count} buckets");
                }

                seen.Add("set " + row["set_id"]);
                var shares = set.Select(b => backends.GetValueOrDefault(b["backend_id"])
                    ?? throw new InvalidDataException($"{b} has no backend"))
                    .GroupBy(b => b.Action == "to_backend"
                        ? $"{b["ip"]}:{b["port"]}{(b["on_host"] == "1" ? " here" : "")}"
                        : throw new InvalidDataException($"{b} drains and has a bucket")).ToList();
                if (shares.Max(s => s.Count()) - shares.Min(s => s.Count()) > 1)
                {
                    throw new InvalidDataException($"{row} is not shared evenly");
                }

                who = $"[{string.Join(", ", shares.Select(s => s.Key).Order(StringComparer.Ordinal))}] affinity {row["affinity"]}";
                if (row["ranges_id"] != "0")
                {
                    who += $" from {string.Join(", ", ranges[row["ranges_id"]].Order(StringComparer.Ordinal))}";
                }

                seen.Add("ranges " + row["ranges_id"]);
            }

            lines.Add($"{row["ip"]}:{row["port"]}/{row["protocol"]} {(row["outside"] == "1" ? "outside" : "inside")}: {who} pool "
                + $"{row["pool"]}");
        }

        foreach (var backend in backends.Values)
        {
            var endpoint = endpoints.GetValueOrDefault(backend["endpoint_id"])
                ?? throw new InvalidDataException($"{backend} has no endpoint");
            if ((endpoint["ip"], endpoint["port"]) != (backend["ip"], backend["port"]))
            {
                throw new InvalidDataException($"{backend} has {endpoint}");
            }

            seen.Add("endpoint " + endpoint["id"]);
        }

        foreach (var lost in buckets.Select(b => "set " + b.Key).Concat(ranges.Select(r => "ranges " + r.Key))
            .Concat(endpoints.Keys.Select(e => "endpoint " + e)).Except(seen))
        {
            throw new InvalidDataException($"{lost} is not used by any row");
        }

        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    /// <summary>The text that the rows should give for these services; frontends that were given up are not included.</summary>
    public static string Expect(IEnumerable<ServiceSpec> services)
    {
        var lines = new List<string>();
        foreach (var port in services.SelectMany(s => s.Ports))
        {
            foreach (var f in port.Frontends)
            {
                lines.Add(Line(port, f, "inside", f.Inside, f.MasqueradeInside));
                lines.Add(Line(port, f, "outside", f.Outside, f.MasqueradeOutside));
            }
        }

        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    private static string Line(ServicePortSpec port, Frontend frontend, string side, FlowTarget target, bool masquerade)
    {
        string[] eligible = [
            .. port.Backends.Where(b => target switch { FlowTarget.Cluster => b.InCluster, FlowTarget.Local => b.InLocal, _ => false })
            .Select(b => $"{b.Address}:{b.Port}{(b.Place == BackendPlace.Host ? " here" : "")}").Order(StringComparer.Ordinal)];
        var who = target switch
        {
            _ when eligible.Length > 0 => $"[{string.Join(", ", eligible)}] affinity {Class(port.AffinitySeconds)}"
                + (frontend.SourceRanges.Count == 0
                    ? ""
                    : $" from {string.Join(", ", frontend.SourceRanges.Select(r => r.ToString()).Order(StringComparer.Ordinal))}"),
            FlowTarget.Cluster or FlowTarget.Refuse => "refuse",
            _ => "drop_new",
        };
        return $"{frontend.Address}:{frontend.Port}/{(int)port.Protocol} {side}: {who} pool {(masquerade ? 1 : 0)}";
    }

    private static int Class(int seconds) =>
        // The entry of a client is kept a little longer.
        seconds == 0 ? 0 : ((seconds * 11 / 10) + 3) switch
        {
            <= 10 => 1,
            <= 30 => 2,
            <= 60 => 3,
            <= 120 => 4,
            <= 300 => 5,
            <= 43200 => 6,
            _ => 8,
        };

    private static int BucketOf(Row bucket) => int.Parse(bucket["bucket"], CultureInfo.InvariantCulture);

    /// <summary>
    /// Checks that each bucket of the succession leads to an existing backend. If that backend is draining, the bucket must have a
    /// substitute that takes new flows; otherwise it must have none.
    /// </summary>
    private static void CheckSuccession(Row service, IReadOnlyList<Row> buckets, Dictionary<string, Row> backends)
    {
        var successors = buckets.Where(b => BucketOf(b) < 2 * FirstSuccessor).ToDictionary(BucketOf);
        var substitutes = buckets.Where(b => BucketOf(b) >= 2 * FirstSuccessor).ToDictionary(b => BucketOf(b) - FirstSuccessor);
        if (!successors.Keys.Order()
            .SequenceEqual(Enumerable.Range(FirstSuccessor, int.Parse(service["succession"], CultureInfo.InvariantCulture))))
        {
            throw new InvalidDataException($"{service} has {successors.Count} succession buckets");
        }

        foreach (var (bucket, successor) in successors)
        {
            var backend = backends.GetValueOrDefault(successor["backend_id"])
                ?? throw new InvalidDataException($"{successor} has no backend");
            var substitute = substitutes.TryGetValue(bucket, out var row) ? backends.GetValueOrDefault(row["backend_id"])?.Action : null;
            if (substitute != (backend.Action == "to_backend" ? null : "to_backend"))
            {
                throw new InvalidDataException($"{successor} leads to {backend}, but its substitute is {substitute ?? "missing"}");
            }
        }
    }

    private sealed record Row(string Table, string Action, IReadOnlyDictionary<string, string> Values, string Text)
    {
        public string this[string name] => Values[name];

        public static Row Of(Entry entry)
        {
            var values = new Dictionary<string, string>();
            foreach (var match in entry.EnumerateMatch())
            {
                values[match.Field.Name] = match.Field.Name.EndsWith("ip", StringComparison.Ordinal)
                    ? Ip(match.Value.Span) + (match.Field.Kind == MatchKind.Lpm ? $"/{match.PrefixLength}" : "")
                    : Number(match.Value.Span);
            }

            foreach (var param in entry.EnumerateParams())
            {
                values[param.Param.Name] = param.Param.Name.EndsWith("ip", StringComparison.Ordinal)
                    ? Ip(param.Value.Span)
                    : Number(param.Value.Span);
            }

            return new Row(entry.Table.Alias, entry.Action.Alias, values, entry.ToString());
        }

        public override string ToString() => Text;

        private static string Ip(ReadOnlySpan<byte> value) => new IPAddress(value).ToString();

        private static string Number(ReadOnlySpan<byte> value)
        {
            ulong number = 0;
            foreach (var b in value)
            {
                number = (number << 8) | b;
            }

            return number.ToString(CultureInfo.InvariantCulture);
        }
    }
}
