using Gnmi;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>The state of the target: ports, pipeline and table contents. Thread-safe.</summary>
internal sealed partial class Device
{
    private readonly Lock _gate = new();
    private readonly FaithfulOptions _options;
    private readonly TargetLog _log;
    private readonly Func<Entity, bool> _refuses;
    private readonly TapLinks _links;
    private readonly PortTable _ports;
    private LoadedPipeline? _pipeline;
    private ProfileStore? _profiles;
    private RowStore? _rows;
    private CellStore? _cells;
    private bool _isPoisoned;

    public Device(FaithfulOptions options, TargetLog log, Func<Entity, bool> refuses)
    {
        _refuses = refuses;
        _options = options;
        _log = log;
        _links = new TapLinks(options);
        _ports = new PortTable(options, _links);
    }

    public IReadOnlyDictionary<string, PortState> Ports
    {
        get
        {
            lock (_gate)
            {
                return _ports.Created;
            }
        }
    }

    public ForwardingPipelineConfig? Config
    {
        get
        {
            lock (_gate)
            {
                return _pipeline?.Config;
            }
        }
    }

    private FaithfulBehaviours Behaviours => _options.Behaviours;

    public SetResponse SetPorts(SetRequest request)
    {
        _log.AddPortDeletes(request.Delete.Count);
        lock (_gate)
        {
            return _ports.Set(request, _pipeline is not null);
        }
    }

    public GetResponse GetPorts(GetRequest request)
    {
        lock (_gate)
        {
            return _ports.Get(request);
        }
    }

    /// <summary>Copies of all rows by the P4 name of their table; empty without a pipeline.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<TableEntry>> Rows()
    {
        lock (_gate)
        {
            return _pipeline?.Tables.ToDictionary(t => t.Value.Preamble.Name, t => _rows!.Rows(t.Key)) ?? [];
        }
    }

    public IReadOnlyList<ActionProfileMember> Members()
    {
        lock (_gate)
        {
            return _profiles is null ? [] : [.. _profiles.Members];
        }
    }

    public IReadOnlyList<ActionProfileGroup> Groups()
    {
        lock (_gate)
        {
            return _profiles is null ? [] : [.. _profiles.Groups];
        }
    }

    public void Count(string counter, long index, CounterData data)
    {
        lock (_gate)
        {
            _cells!.Count(_pipeline!.Counters.Values.Single(c => c.Preamble.Name == counter).Preamble.Id, index, data);
        }
    }

    public void Count(TableEntry row, CounterData data)
    {
        lock (_gate)
        {
            _rows!.Count(row, data);
        }
    }

    /// <summary>Inserts, replaces or deletes a row without a controller's request.</summary>
    public void Drift(TableEntry row, bool delete)
    {
        lock (_gate)
        {
            _rows!.Drift(row, delete);
        }
    }

    /// <summary>Closes the TAPs, as happens when the process exits.</summary>
    public void CloseLinks()
    {
        lock (_gate)
        {
            _links.Close();
        }
    }

    /// <summary>Recreates the links and clears the poisoned state, for a target that keeps its state across a restart.</summary>
    public void Reopen()
    {
        lock (_gate)
        {
            _isPoisoned = false;
            _links.Reopen(_ports.Taps);
        }
    }

    private static RpcException NoPipeline() =>
        new(new Status(StatusCode.FailedPrecondition, "No valid forwarding pipeline config has been pushed for any node so far."));
}
