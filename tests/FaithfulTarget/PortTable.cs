using System.Collections.Immutable;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.FaithfulTarget;

/// <summary>The ports of one run of the target, set and read through gNMI. Not thread-safe.</summary>
internal sealed class PortTable(FaithfulOptions options, TapLinks links)
{
    private static readonly string[] NeededForVhost = [PortPath.Type, "host-name", "device-type", "queues", "socket-path"];
    private ImmutableDictionary<string, PortState> _ports = ImmutableDictionary<string, PortState>.Empty;

    private FaithfulBehaviours Behaviours => options.Behaviours;

    /// <summary>The created ports.</summary>
    public IReadOnlyDictionary<string, PortState> Created =>
        _ports.Where(p => p.Value.Number is not null).ToDictionary(p => p.Key, p => p.Value);

    public IEnumerable<string> Taps => Created.Where(p => p.Value.Type == "TAP").Select(p => p.Key);

    /// <summary>Executes a Set.</summary>
    /// <param name="request">The request.</param>
    /// <param name="isPushed">Whether a pipeline was accepted.</param>
    public SetResponse Set(SetRequest request, bool isPushed)
    {
        Gnmi.Update[] updates = [.. request.Replace.Concat(request.Update)];
        var before = _ports;
        try
        {
            foreach (var path in request.Delete)
            {
                Delete(request.Prefix, path);
            }

            if (Behaviours.MakesTapAtPortType)
            {
                SetInOrder(request.Prefix, updates, isPushed);
            }
            else
            {
                SetInOrder(request.Prefix,
                    updates.OrderBy(u => PortPath.TryParse(request.Prefix, u.Path)?.Leaf == PortPath.Type), isPushed);
            }
        }
        catch when (!Behaviours.MakesTapAtPortType)
        {
            _ports = before;
            throw;
        }
        finally
        {
            // Links follow the ports even if the Set failed.
            links.Follow(Taps);
        }

        return new SetResponse
        {
            Prefix = request.Prefix,
            Response = { updates.Select(u => new UpdateResult { Path = u.Path, Op = UpdateResult.Types.Operation.Update }) },
        };
    }

    public GetResponse Get(GetRequest request)
    {
        var response = new GetResponse();
        foreach (var path in request.Path)
        {
            var notification = new Notification();
            var parsed = Known(request.Prefix, path, wildcard: true);
            if (!parsed.IsNumber && parsed.Leaf != "name" && !PortPath.Settable.Contains(parsed.Leaf))
            {
                throw Unsupported(request.Prefix, path);
            }

            foreach (var name in parsed.Port == PortPath.All ? Created.Keys : [parsed.Port])
            {
                var own = parsed with { Port = name };
                notification.Update.Add(new Gnmi.Update { Path = own.ToProto(), Val = Value(own) });
            }

            response.Notification.Add(notification);
        }

        return response;
    }

    private static RpcException Unsupported(Gnmi.Path? prefix, Gnmi.Path? path) =>
        Outcome.Invalid($"The path ({PortPath.Describe(prefix, path)}) is unsupported!").ToException();

    private void SetInOrder(Gnmi.Path? prefix, IEnumerable<Gnmi.Update> updates, bool isPushed)
    {
        foreach (var update in updates)
        {
            var path = Known(prefix, update.Path, wildcard: false);
            if (!PortPath.Settable.Contains(path.Leaf))
            {
                throw Unsupported(prefix, update.Path);
            }

            SetOne(path, update.Val ?? new TypedValue(), isPushed);
        }
    }

    private void SetOne(PortPath path, TypedValue value, bool isPushed)
    {
        var port = _ports.GetValueOrDefault(path.Port) ?? PortState.Empty;
        if (port.Number is not null || port.Attributes.ContainsKey(path.Leaf))
        {
            if (Behaviours.RefusesRepeatedSets)
            {
                throw Outcome.Invalid($"{path.Leaf.ToUpperInvariant()} is already set or PORT is already configured").ToException();
            }

            if (port.Number is not null)
            {
                return;
            }
        }

        if (path.Leaf == PortPath.Mtu)
        {
            var mtu = value.ValueCase == TypedValue.ValueOneofCase.UintVal && !Behaviours.ReadsMtuAsIntOnly
                ? (long)value.UintVal
                : value.IntVal;
            value = new TypedValue { IntVal = mtu };
        }
        else if (path.Leaf == PortPath.Type && value.StringVal is not ("TAP" or "LINK" or "VHOST"))
        {
            throw Outcome.Invalid("wrong value for port-type").ToException();
        }

        port = port with { Attributes = port.Attributes.SetItem(path.Leaf, value) };
        if (IsComplete(port))
        {
            if (isPushed && Behaviours.RefusesPortsAfterPush)
            {
                throw Outcome.Invalid("'bf_status' failed with error message: the port can't be added.").ToException();
            }

            port = port with { Number = NextNumber() };
        }

        _ports = _ports.SetItem(path.Port, port);
    }

    private bool IsComplete(PortState port) => port.Type switch
    {
        "TAP" => true,
        "LINK" => !Behaviours.LinkNeedsPciBdf || port.Attributes.ContainsKey(PortPath.PciBdf),
        "VHOST" => NeededForVhost.All(port.Attributes.ContainsKey),
        _ => false,
    };

    private uint NextNumber()
    {
        var number = Behaviours.FirstPortIsZero ? 0u : 1u;
        while (_ports.Values.Any(p => p.Number == number))
        {
            number++;
        }

        return number;
    }

    private void Delete(Gnmi.Path? prefix, Gnmi.Path path)
    {
        if (Behaviours.RefusesPortDeletes)
        {
            throw new RpcException(new Status(StatusCode.Unknown, "unsupported mode: DELETE"));
        }

        var parsed = Known(prefix, path, wildcard: false);
        if (_ports.GetValueOrDefault(parsed.Port)?.Number is null)
        {
            throw PortNotFound(parsed.Port);
        }

        _ports = _ports.Remove(parsed.Port);
    }

    private PortPath Known(Gnmi.Path? prefix, Gnmi.Path? path, bool wildcard)
    {
        var parsed = PortPath.TryParse(prefix, path);
        var known = parsed?.Port switch
        {
            null or "" => false,
            PortPath.All => wildcard && !Behaviours.RefusesPortWildcards,
            _ => !Behaviours.KnowsOnlyConfiguredPorts || options.PortNames.Contains(parsed.Port),
        };
        return known ? parsed! : throw Unsupported(prefix, path);
    }

    private TypedValue Value(PortPath path)
    {
        var port = _ports.GetValueOrDefault(path.Port);
        if (port?.Number is null && !Behaviours.ReportsAbsentPortsAsZero)
        {
            throw PortNotFound(path.Port);
        }

        return path.Leaf switch
        {
            PortPath.NumberIn or PortPath.NumberOut => new TypedValue { UintVal = port?.Number ?? 0 },
            "name" => new TypedValue { StringVal = path.Port },
            PortPath.Type when port?.Number is null => new TypedValue { UintVal = 0 },
            PortPath.Mtu => new TypedValue { UintVal = (ulong)(port?.Mtu ?? 0) },
            _ => port?.Attributes.GetValueOrDefault(path.Leaf) ?? new TypedValue { StringVal = "" },
        };
    }

    private static RpcException PortNotFound(string name) => new(new Status(StatusCode.NotFound, $"port {name} does not exist"));
}
