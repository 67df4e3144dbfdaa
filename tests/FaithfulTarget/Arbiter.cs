using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>
/// Determines the primary of each role: the connected controller with the highest election ID ever seen. Thread-safe.
/// </summary>
internal sealed class Arbiter(FaithfulBehaviours behaviours)
{
    private readonly Lock _gate = new();
    private readonly List<Controller> _controllers = [];
    private readonly Dictionary<string, UInt128> _highest = [];

    public static UInt128 IdOf(Uint128? id) => id is null ? 0 : new UInt128(id.High, id.Low);

    /// <summary>Registers a bid and notifies the affected controllers.</summary>
    public void Bid(Controller controller, MasterArbitrationUpdate bid)
    {
        var id = IdOf(bid.ElectionId);
        var role = bid.Role?.Name ?? "";
        CheckIds(bid.DeviceId, bid.ElectionId);
        lock (_gate)
        {
            if (controller.HasBid && (controller.DeviceId != bid.DeviceId || controller.Role != role))
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "a stream can't change its device or role"));
            }

            if (_controllers.Exists(c => c != controller && c.Role == role && c.ElectionId == id))
            {
                throw Outcome.Invalid("the election ID is used by another controller").ToException();
            }

            var before = Primary(role);
            if (!controller.HasBid)
            {
                _controllers.Add(controller);
            }

            (controller.HasBid, controller.DeviceId, controller.Role, controller.ElectionId) = (true, bid.DeviceId, role, id);
            var raised = id > _highest.GetValueOrDefault(role);
            if (raised)
            {
                _highest[role] = id;
            }

            if (raised || before != Primary(role))
            {
                NotifyAll(role);
            }
            else
            {
                Notify(controller);
            }
        }
    }

    public void Leave(Controller controller)
    {
        lock (_gate)
        {
            var wasPrimary = controller.HasBid && Primary(controller.Role) == controller;
            _controllers.Remove(controller);
            controller.Close();
            if (wasPrimary)
            {
                NotifyAll(controller.Role);
            }
        }
    }

    /// <summary>Fails requests that do not come from the primary.</summary>
    public void CheckPrimary(ulong deviceId, string role, Uint128? electionId, string what)
    {
        CheckIds(deviceId, electionId);
        lock (_gate)
        {
            if (behaviours.ChecksPrimary && Primary(role)?.ElectionId != IdOf(electionId))
            {
                throw new RpcException(
                    new Status(StatusCode.PermissionDenied, $"{what} from non-primary is not permitted for node {deviceId}."));
            }
        }
    }

    public void CheckDevice(ulong deviceId)
    {
        if (deviceId == 0 && behaviours.RefusesZeroIds)
        {
            throw Outcome.Invalid("Invalid device ID.").ToException();
        }
    }

    private void CheckIds(ulong deviceId, Uint128? electionId)
    {
        CheckDevice(deviceId);
        if (IdOf(electionId) == 0 && behaviours.RefusesZeroIds)
        {
            throw Outcome.Invalid($"Invalid election ID for node {deviceId}.").ToException();
        }
    }

    // A controller with election ID 0 is never the primary.
    private Controller? Primary(string role) =>
        _controllers.Find(c => c.Role == role && c.ElectionId != 0 && c.ElectionId == _highest.GetValueOrDefault(role));

    private void NotifyAll(string role)
    {
        foreach (var controller in _controllers.Where(c => c.Role == role))
        {
            Notify(controller);
        }
    }

    private void Notify(Controller controller)
    {
        var primary = Primary(controller.Role);
        (var code, var message) = primary == controller ? (StatusCode.OK, "you are the primary")
            : primary is not null ? (StatusCode.AlreadyExists, "you are not the primary")
            : (StatusCode.NotFound, "no controller is primary");
        var highest = _highest.GetValueOrDefault(controller.Role);
        controller.Send(new StreamMessageResponse
        {
            Arbitration = new MasterArbitrationUpdate
            {
                DeviceId = controller.DeviceId,
                Role = controller.Role.Length == 0 ? null : new Role { Name = controller.Role },
                ElectionId = new Uint128 { High = (ulong)(highest >> 64), Low = (ulong)highest },
                Status = new Google.Rpc.Status { Code = (int)code, Message = message },
            },
        });
    }
}
