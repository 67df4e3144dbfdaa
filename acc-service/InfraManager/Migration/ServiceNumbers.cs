using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// The numbers that 24.01's manager gave a service and its backends: those of the rows on the target, and of what the data plane has
/// learned from them.
/// </summary>
internal sealed class ServiceNumbers
{
    private readonly uint _group;
    private readonly Dictionary<BackendKey, uint> _numbers = [];
    private readonly List<BackendKey> _order = [];
    private readonly int _originals;

    /// <exception cref="MigrationException">The numbers contradict each other.</exception>
    public ServiceNumbers(ServiceRecord record, Remarks remarks)
    {
        var name = $"{record.ClusterIp}:{record.Port}/{record.Proto}";
        _group = record.GroupID;
        var backends = (record.ServiceEndPoint?.Values ?? []).OrderBy(b => b.Position).ThenBy(b => b.IpAddress, StringComparer.Ordinal)
            .ToList();
        if (_group == 0 || backends.Exists(b => !b.IsOf(_group) || (b.MemberID != 0 && b.MemberID != b.ModBlobPtrDNAT)))
        {
            throw new MigrationException(
                $"services_db.json: the numbers of service {name} contradict each other; remove its entry, and the "
                + "agent sets the service again when it restarts");
        }

        var free = new Queue<uint>(ServiceEndpointRecord.NumbersOf(_group).Except(backends.Select(b => b.ModBlobPtrDNAT)));
        foreach (var backend in backends)
        {
            var key = new BackendKey(ImportedEndpoint.ParseAddress("IpAddress", backend.IpAddress), backend.Port);
            var number = backend.ModBlobPtrDNAT;
            // 24.01 counts only the first backends of a service, so it gives a number twice, and the second backend gets no rows.
            if (_numbers.ContainsValue(number))
            {
                if (!free.TryDequeue(out var other))
                {
                    throw new MigrationException(
                        $"services_db.json: service {name} has more backends than 24.01 has numbers for; remove its "
                        + "entry, and the agent sets the service again when it restarts");
                }

                remarks.Add($"service {name}: 24.01 gave the number {number} to several backends; {key} gets {other}");
                number = other;
            }

            if (!_numbers.TryAdd(key, number))
            {
                throw new MigrationException($"services_db.json: service {name} has the backend {key} twice; remove one of them");
            }

            _order.Add(key);
        }

        _originals = (int)Math.Min(record.NumEndPoints, (uint)backends.Count(b => b.Position <= record.NumEndPoints));
        if (_originals < backends.Count)
        {
            remarks.Add(
                $"service {name}: {backends.Count - _originals} of {backends.Count} backends were added after the service; 24.01 does "
                + "not balance over all of them; InfraManager does, on the E2100 from the service's next change on");
        }
    }

    /// <summary>All numbers.</summary>
    public IEnumerable<uint> All => _numbers.Values.Append(_group);

    /// <summary>The planned service with these numbers.</summary>
    /// <param name="planned">A service with one port, one frontend and these backends.</param>
    /// <param name="buckets">The number of buckets of a set, for this many backends.</param>
    public ServiceState Apply(ServiceState planned, Func<int, int> buckets)
    {
        var port = planned.Ports[0];
        BackendState[] backends = [.. port.Backends.Select(b => b with { Id = _numbers[b.Key] })];
        // The manager goes round the backends that the service was created with.
        var served = port.Backends.Select(b => b.Key).ToHashSet();
        uint[] order = [.. _order.Where(served.Contains).Select(k => _numbers[k])];
        var count = buckets(order.Length);
        var round = count <= order.Length ? order : order[..Math.Clamp(_originals, 1, order.Length)];
        return planned with
        {
            Ports =
            [
                port with
                {
                    Frontends = [port.Frontends[0] with { Id = _group }],
                    Cluster = new SetState(_group, [.. Enumerable.Range(0, count).Select(i => round[i % round.Length])]),
                    Backends = [.. backends.OrderBy(b => b.Key).ThenBy(b => b.Id)],
                },
            ],
        };
    }
}
