using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <content>Reads.</content>
internal sealed partial class Device
{
    /// <summary>Reads each requested entity separately.</summary>
    /// <returns>The entities found and the outcome of each part.</returns>
    /// <exception cref="TargetCrashException">The Read crashes the process.</exception>
    public (List<Entity> Found, List<Outcome> Outcomes) Read(ReadRequest request)
    {
        lock (_gate)
        {
            if (_isPoisoned && Behaviours.CrashesOnReadAfterSecondPush)
            {
                throw new TargetCrashException("SIGSEGV in Read: a second pipeline was pushed before");
            }

            if (_pipeline is null)
            {
                throw NoPipeline();
            }

            var found = new List<Entity>();
            return (found, [.. request.Entities.Select(e => ReadOne(e, found))]);
        }
    }

    private Outcome ReadOne(Entity asked, List<Entity> into)
    {
        switch (asked.EntityCase)
        {
            case Entity.EntityOneofCase.TableEntry:
                return _rows!.Read(asked.TableEntry, into);
            case Entity.EntityOneofCase.DirectCounterEntry:
                return _rows!.Read(asked.DirectCounterEntry, into);
            case Entity.EntityOneofCase.CounterEntry:
                return _cells!.Read(asked.CounterEntry, into);
            case Entity.EntityOneofCase.RegisterEntry:
                return _cells!.Read(asked.RegisterEntry, into);
            case Entity.EntityOneofCase.ActionProfileGroup:
                return _profiles!.Read(asked.ActionProfileGroup, into);
            case Entity.EntityOneofCase.ActionProfileMember:
                into.AddRange(_profiles!.Read(asked.ActionProfileMember));
                return Outcome.Ok;
            default:
                return new Outcome(Grpc.Core.StatusCode.Unimplemented, $"a Read of {asked.EntityCase} is not supported");
        }
    }
}
