using Gnmi;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Tests.Support;

internal sealed class TestGnmiService(TargetBehaviour behaviour) : gNMI.gNMIBase
{
    public override Task<SetResponse> Set(SetRequest request, ServerCallContext context)
    {
        behaviour.GnmiSets.Enqueue(request);
        behaviour.OnGnmiSet?.Invoke(request);
        foreach (var update in request.Update)
        {
            var name = update.Path.Elem[1].Key["name"];
            behaviour.Ports.TryAdd(name, (uint)behaviour.Ports.Count + 1);
        }

        foreach (var path in request.Delete)
        {
            if (!behaviour.Ports.TryRemove(path.Elem[1].Key["name"], out _))
            {
                throw new RpcException(new Status(StatusCode.NotFound, "no such port"));
            }
        }

        return Task.FromResult(new SetResponse());
    }

    public override Task<GetResponse> Get(GetRequest request, ServerCallContext context)
    {
        if (behaviour.OnGnmiGet is { } custom)
        {
            return Task.FromResult(custom(request));
        }

        var path = request.Path[0];
        var name = path.Elem[1].Key["name"];
        var notification = new Notification();
        foreach (var (port, id) in behaviour.Ports.Where(p => name == "*" || p.Key == name))
        {
            var found = path.Clone();
            found.Elem[1].Key["name"] = port;
            notification.Update.Add(new Update { Path = found, Val = new TypedValue { UintVal = id } });
        }

        return notification.Update.Count == 0 && name != "*"
            ? throw new RpcException(new Status(StatusCode.NotFound, $"no interface {name}"))
            : Task.FromResult(new GetResponse { Notification = { notification } });
    }
}
