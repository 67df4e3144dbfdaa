using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Server.Wire;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Port management through gNMI, with the paths of infrap4d's DPDK target: interfaces/virtual-interface[name=X]/config/… Setting port-type
/// creates the port, a delete removes it, and tdi-portin-id and tdi-portout-id return its number.
/// </summary>
internal sealed class GnmiService(PortManager ports, TargetState target, TimeProvider time) : gNMI.gNMIBase
{
    private const string GnmiVersion = "0.7.0";

    /// <inheritdoc/>
    public override Task<CapabilityResponse> Capabilities(CapabilityRequest request, ServerCallContext context)
        => Task.FromResult(new CapabilityResponse
        {
            GNMIVersion = GnmiVersion,
            SupportedEncodings = { Encoding.Proto },
            SupportedModels =
            {
                new ModelData { Name = "openconfig-interfaces", Organization = "OpenConfig working group", Version = "2.0.0" },
            },
        });

    /// <inheritdoc/>
    public override async Task<SetResponse> Set(SetRequest request, ServerCallContext context)
    {
        // A Set is a transaction. New ports come first, because they can be refused, and a deleted port would not get its number back.
        var deletes = request.Delete.Select(p => PortPath.ForDelete(request.Prefix, p)).ToList();
        var updates = request.Replace.Concat(request.Update).Select(u => (Path: PortPath.ForUpdate(request.Prefix, u), Update: u)).ToList();
        foreach (var name in deletes)
        {
            if (!ports.Table.Ports.ContainsKey(name))
            {
                throw Outcome.NotFound($"interfaces/virtual-interface[name={name}]: no such port").ToException();
            }

            if (updates.Exists(u => u.Path.Name == name))
            {
                throw Outcome.Invalid(
                    $"interfaces/virtual-interface[name={name}]: is both deleted and created; send two requests").ToException();
            }
        }

        await AddAsync(updates, context.CancellationToken);
        foreach (var name in deletes)
        {
            ports.Remove(name);
        }

        await ports.SettleAsync(context.CancellationToken);
        return new SetResponse
        {
            Prefix = request.Prefix,
            Timestamp = Now(),
            Response =
            {
                request.Delete.Select(p => new UpdateResult { Path = p, Op = UpdateResult.Types.Operation.Delete }),
                updates.Select(u => new UpdateResult { Path = u.Update.Path, Op = UpdateResult.Types.Operation.Update }),
            },
        };
    }

    /// <inheritdoc/>
    public override Task<GetResponse> Get(GetRequest request, ServerCallContext context)
    {
        var response = new GetResponse();
        foreach (var path in request.Path)
        {
            var notification = new Notification { Timestamp = Now() };
            if (TargetState.IsBelow(request.Prefix, path))
            {
                notification.Update.Add(target.Values());
                response.Notification.Add(notification);
                continue;
            }

            var parsed = PortPath.ForGet(request.Prefix, path);
            var all = ports.Table.Ports;
            if (parsed.Name == PortPath.All)
            {
                foreach (var port in all.Values.OrderBy(p => p.Id))
                {
                    AddValues(notification, port, parsed.Leaf);
                }
            }
            else if (all.TryGetValue(parsed.Name, out var port))
            {
                AddValues(notification, port, parsed.Leaf);
            }
            else
            {
                throw Outcome.NotFound($"interfaces/virtual-interface[name={parsed.Name}]: no such port").ToException();
            }

            response.Notification.Add(notification);
        }

        return Task.FromResult(response);
    }

    /// <summary>Adds the ports that do not exist yet; all or none.</summary>
    private async Task AddAsync(IReadOnlyList<(PortPath Path, Update Update)> updates, CancellationToken cancellation)
    {
        var added = new List<SoftPort>();
        try
        {
            foreach (var (path, update) in updates.Where(u => u.Path.Leaf == PortPath.PortType))
            {
                if (ports.Add(path.Name, update.Val.StringVal, out var isNew) is not { } port)
                {
                    throw Outcome.Full($"interfaces/virtual-interface[name={path.Name}]: all port numbers are in use").ToException();
                }

                if (isNew)
                {
                    added.Add(port);
                }
            }

            await ports.SettleAsync(cancellation);
            // A port that can't forward packets is an error. A port that waits for its link is not: the link may be created later.
            if (added.Find(p => ports.RefusalOf(p) is not null) is { } refused)
            {
                var reason = ports.RefusalOf(refused);
                throw Outcome.Precondition(
                    $"interfaces/virtual-interface[name={refused.Name}]: its link can't be opened: {reason}").ToException();
            }
        }
        catch
        {
            foreach (var port in added)
            {
                ports.Remove(port.Name);
            }

            throw;
        }
    }

    private static void AddValues(Notification notification, SoftPort port, string leaf)
    {
        foreach (var (section, name, value) in PortPath.Values(port))
        {
            var full = section + "/" + name;
            if (leaf.Length == 0 || leaf == full || leaf == section)
            {
                notification.Update.Add(new Update { Path = PortPath.Make(port.Name, section, name), Val = value });
            }
        }
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
}
