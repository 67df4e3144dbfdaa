using ACCOffload.SoftTarget.Server.Wire;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Arbitration: the primary of a role is the live controller with the highest election ID ever seen for it. All access is under the
/// device's lock, which writes also hold, so a new primary is notified only after the old one's last write is done.
/// </summary>
internal sealed class Arbiter
{
    /// <summary>Maximum number of streams per role: a controller and a few backups.</summary>
    public const int MaxStreams = 64;

    /// <summary>Maximum number of roles.</summary>
    public const int MaxRoles = 64;

    private readonly Dictionary<string, RoleState> _roles = new(StringComparer.Ordinal);

    /// <summary>Handles an arbitration update of a stream.</summary>
    /// <exception cref="RpcException">The stream must end with this status.</exception>
    public void Update(StreamSession session, ulong deviceId, MasterArbitrationUpdate update)
    {
        var role = update.Role?.Name ?? "";
        var id = ElectionId.FromProto(update.ElectionId);
        if (session.IsLive && session.DeviceId != deviceId)
        {
            throw Outcome.Precondition($"this stream is for device {session.DeviceId}, not {deviceId}").ToException();
        }

        if (session.IsLive && session.Role != role)
        {
            throw Outcome.Precondition($"this stream has role \"{session.Role}\"; open another stream for \"{role}\"").ToException();
        }

        if (update.Role?.Config is not null)
        {
            throw Outcome.Invalid("role.config is not supported: every role has full pipeline access").ToException();
        }

        if (id.IsZero)
        {
            throw Outcome.Invalid("election_id is missing or 0").ToException();
        }

        if (!_roles.TryGetValue(role, out var state))
        {
            // The highest election ID of a role is kept forever, so the number of roles must be limited.
            if (_roles.Count >= MaxRoles)
            {
                throw Outcome.Full($"the limit of {MaxRoles} roles is reached").ToException();
            }

            _roles.Add(role, state = new RoleState());
        }

        if (state.Sessions.Exists(s => s != session && s.ElectionId == id))
        {
            throw Outcome.Invalid($"election_id {id} is used by another controller").ToException();
        }

        if (!session.IsLive)
        {
            if (state.Sessions.Count >= MaxStreams)
            {
                throw Outcome.Full($"role \"{role}\" has reached the limit of {MaxStreams} streams").ToException();
            }

            session.IsLive = true;
            session.DeviceId = deviceId;
            session.Role = role;
            state.Sessions.Add(session);
        }

        session.ElectionId = id;
        Decide(state, session);
    }

    /// <summary>Removes a stream that ended.</summary>
    public void Remove(StreamSession session)
    {
        if (!session.IsLive || !_roles.TryGetValue(session.Role, out var state) || !state.Sessions.Remove(session))
        {
            return;
        }

        session.IsLive = false;
        if (state.Primary != session)
        {
            return;
        }

        state.Primary = null;
        foreach (var other in state.Sessions)
        {
            Notify(state, other);
        }
    }

    /// <summary>Whether the controller with this role and election ID is the primary.</summary>
    public bool IsPrimary(string role, ElectionId id)
        => !id.IsZero && _roles.TryGetValue(role, out var state) && state.Primary is { } primary && primary.ElectionId == id;

    public bool IsPrimary(StreamSession session)
        => session.IsLive && _roles.TryGetValue(session.Role, out var state) && state.Primary == session;

    /// <summary>The primaries of all roles.</summary>
    public IEnumerable<StreamSession> Primaries => _roles.Values.Select(r => r.Primary).OfType<StreamSession>();

    private static void Decide(RoleState state, StreamSession session)
    {
        if (session.ElectionId.CompareTo(state.Highest) >= 0)
        {
            var changed = state.Primary != session || session.ElectionId != state.Highest;
            state.Primary = session;
            state.Highest = session.ElectionId;
            if (changed)
            {
                foreach (var other in state.Sessions.Where(s => s != session))
                {
                    Notify(state, other);
                }
            }

            Notify(state, session);
        }
        else if (state.Primary == session)
        {
            state.Primary = null;
            foreach (var each in state.Sessions)
            {
                Notify(state, each);
            }
        }
        else
        {
            Notify(state, session);
        }
    }

    private static void Notify(RoleState state, StreamSession session)
    {
        var (code, message) = state.Primary == session ? (StatusCode.OK, "you are the primary")
            : state.Primary is not null ? (StatusCode.AlreadyExists, "another controller is the primary")
            : (StatusCode.NotFound, "there is no primary");
        var update = new MasterArbitrationUpdate
        {
            DeviceId = session.DeviceId,
            Status = new Google.Rpc.Status { Code = (int)code, Message = message },
        };
        if (session.Role.Length > 0)
        {
            update.Role = new Role { Name = session.Role };
        }

        if (!state.Highest.IsZero)
        {
            update.ElectionId = state.Highest.ToProto();
        }

        session.Send(new StreamMessageResponse { Arbitration = update });
    }

    private sealed class RoleState
    {
        public List<StreamSession> Sessions { get; } = [];

        public StreamSession? Primary { get; set; }

        public ElectionId Highest { get; set; }
    }
}
