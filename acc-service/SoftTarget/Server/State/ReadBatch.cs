using ACCOffload.SoftTarget.Server.Wire;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// Answers the requests of one Read. <see cref="Take"/> copies the requested entries, members and groups under the device's lock, so that
/// they are consistent. Cells of counters and registers are read when they are sent. Sending can take a long time, but blocks no writer.
/// </summary>
internal sealed partial class ReadBatch : IDisposable
{
    private readonly PipelineState _state;
    private readonly EntryDecoder _entry;
    private readonly List<ReadSection> _sections = [];

    private ReadBatch(PipelineState state)
    {
        _state = state;
        _entry = state.Decoder;
    }

    /// <summary>The parts of the answer, in the order of the requests.</summary>
    public IReadOnlyList<ReadSection> Sections => _sections;

    /// <summary>An outcome for each request, or null if all succeeded.</summary>
    public Outcome[]? Failures { get; private set; }

    public static ReadBatch Take(PipelineState state, ReadRequest request)
    {
        var batch = new ReadBatch(state);
        for (var i = 0; i < request.Entities.Count; i++)
        {
            Outcome outcome;
            try
            {
                outcome = batch.Add(request.Entities[i]);
            }
            catch (WireException e)
            {
                outcome = Outcome.Invalid(e.Message);
            }

            if (outcome.IsOk)
            {
                continue;
            }

            batch.Failures ??= new Outcome[request.Entities.Count];
            batch.Failures[i] = outcome;
        }

        return batch;
    }

    public void Dispose()
    {
        foreach (var section in _sections)
        {
            section.Dispose();
        }
    }

    private Outcome Add(Entity entity)
        => entity.EntityCase switch
        {
            Entity.EntityOneofCase.TableEntry => AddEntries(entity.TableEntry),
            Entity.EntityOneofCase.ActionProfileMember => AddMembers(entity.ActionProfileMember),
            Entity.EntityOneofCase.ActionProfileGroup => AddGroups(entity.ActionProfileGroup),
            Entity.EntityOneofCase.CounterEntry => AddCounters(entity.CounterEntry),
            Entity.EntityOneofCase.DirectCounterEntry => AddDirectCounters(entity.DirectCounterEntry),
            Entity.EntityOneofCase.RegisterEntry => AddRegisters(entity.RegisterEntry),
            _ => entity.CalculateSize() == 0
                ? Outcome.Invalid("the request has no entity")
                : Outcome.Unimplemented("entities of this kind are not supported: this target has no such externs"),
        };

    private Outcome AddMembers(ActionProfileMember filter)
    {
        var outcome = Profiles(filter.ActionProfileId, out var profiles);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (filter.ActionProfileId == 0 && filter.MemberId != 0)
        {
            return Outcome.Invalid("member_id without action_profile_id");
        }

        _sections.Add(new MessageSection(profiles
            .SelectMany(p => p.Members.Values)
            .Where(m => filter.MemberId == 0 || m.Message.MemberId == filter.MemberId)
            .Select(m => new Entity { ActionProfileMember = m.Message })
            .ToList()));
        return Outcome.Ok;
    }

    private Outcome AddGroups(ActionProfileGroup filter)
    {
        var outcome = Profiles(filter.ActionProfileId, out var profiles);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (filter.ActionProfileId == 0 && filter.GroupId != 0)
        {
            return Outcome.Invalid("group_id without action_profile_id");
        }

        _sections.Add(new MessageSection(profiles
            .SelectMany(p => p.Groups.Values)
            .Where(g => filter.GroupId == 0 || g.Message.GroupId == filter.GroupId)
            .Select(g => new Entity { ActionProfileGroup = g.Message })
            .ToList()));
        return Outcome.Ok;
    }

    private Outcome Profiles(uint id, out IEnumerable<ProfileState> profiles)
    {
        profiles = _state.Profiles.Values;
        if (id == 0)
        {
            return Outcome.Ok;
        }

        if (!_state.Profiles.TryGetValue(id, out var one))
        {
            return Outcome.Invalid($"action_profile_id {id} is not in p4info");
        }

        profiles = [one];
        return Outcome.Ok;
    }

    private Outcome AddCounters(CounterEntry filter)
    {
        if (filter.CounterId == 0)
        {
            if (filter.Index is not null)
            {
                return Outcome.Invalid("index without counter_id");
            }

            foreach (var each in _state.Bound.Counters.Values)
            {
                _sections.Add(new CounterSection(_state.Engine, each, 0, each.Size));
            }

            return Outcome.Ok;
        }

        if (!_state.Bound.Counters.TryGetValue(filter.CounterId, out var counter))
        {
            return Outcome.Invalid($"counter_id {filter.CounterId} is not in p4info");
        }

        var outcome = WriteBatch.CheckIndex(filter.Index, counter.Size, $"counter {counter.Name}");
        if (outcome.IsOk)
        {
            _sections.Add(new CounterSection(_state.Engine, counter, filter.Index?.Index_ ?? 0, filter.Index?.Index_ + 1 ?? counter.Size));
        }

        return outcome;
    }

    private Outcome AddRegisters(RegisterEntry filter)
    {
        if (filter.RegisterId == 0)
        {
            if (filter.Index is not null)
            {
                return Outcome.Invalid("index without register_id");
            }

            foreach (var each in _state.Bound.Registers.Values)
            {
                _sections.Add(new RegisterSection(_state.Engine, each, 0, each.Size));
            }

            return Outcome.Ok;
        }

        if (!_state.Bound.Registers.TryGetValue(filter.RegisterId, out var register))
        {
            return Outcome.Invalid($"register_id {filter.RegisterId} is not in p4info");
        }

        var outcome = WriteBatch.CheckIndex(filter.Index, register.Size, $"register {register.Name}");
        if (outcome.IsOk)
        {
            _sections.Add(
                new RegisterSection(_state.Engine, register, filter.Index?.Index_ ?? 0, filter.Index?.Index_ + 1 ?? register.Size));
        }

        return outcome;
    }
}
