using System.Globalization;
using ACCOffload.TestKit.Labs;
using Gnmi;
using Grpc.Net.Client;
using P4.V1;

namespace ACCOffload.TestKit.Targets;

/// <summary>
/// Reads the target's state through P4Runtime and gNMI, without the product's client. Rows are text, with names from the
/// target's own P4Info and numbers in hexadecimal without leading zeros.
/// </summary>
public sealed class TargetReader(Lab lab) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly GrpcChannel _channel = Channels.Unix(lab.TargetSocket);

    /// <summary>All rows that controllers wrote.</summary>
    public async Task<HashSet<string>> RowsAsync()
    {
        var client = new P4.V1.P4Runtime.P4RuntimeClient(_channel);
        var config = await client.GetForwardingPipelineConfigAsync(new GetForwardingPipelineConfigRequest { DeviceId = 1 },
            deadline: Deadline());
        var info = config.Config.P4Info;
        var tables = info.Tables.ToDictionary(t => t.Preamble.Id);
        var actions = info.Actions.ToDictionary(a => a.Preamble.Id);
        var request = new ReadRequest { DeviceId = 1 };
        // Tables with a TABLE_ONLY action are learners: the data plane adds their rows.
        var written = tables.Values.Where(t => t.ActionRefs.All(a => a.Scope != P4.Config.V1.ActionRef.Types.Scope.TableOnly))
            .Select(t => t.Preamble.Id);
        request.Entities.AddRange(written.Select(id => new Entity { TableEntry = new TableEntry { TableId = id } }));
        var rows = new HashSet<string>();
        using var reading = client.Read(request, deadline: Deadline());
        while (await reading.ResponseStream.MoveNext(CancellationToken.None))
        {
            foreach (var entity in reading.ResponseStream.Current.Entities)
            {
                if (!entity.TableEntry.IsDefaultAction && !rows.Add(Text(entity.TableEntry, tables, actions)))
                {
                    throw new InvalidOperationException($"the target has a row twice: {Text(entity.TableEntry, tables, actions)}");
                }
            }
        }

        return rows;
    }

    public async Task<IReadOnlyDictionary<string, uint>> PortsAsync()
    {
        var path = new Gnmi.Path
        {
            Elem =
            {
                new PathElem { Name = "interfaces" },
                new PathElem { Name = "virtual-interface", Key = { ["name"] = "*" } },
                new PathElem { Name = "config" },
                new PathElem { Name = "tdi-portin-id" },
            },
        };
        var reply = await new gNMI.gNMIClient(_channel).GetAsync(new GetRequest { Path = { path }, Encoding = Encoding.Proto },
            deadline: Deadline());
        return reply.Notification.SelectMany(n => n.Update).ToDictionary(u => u.Path.Elem[1].Key["name"], u => (uint)u.Val.UintVal);
    }

    public void Dispose() => _channel.Dispose();

    private static DateTime Deadline() => DateTime.UtcNow + Limit;

    private static string Text(TableEntry row, Dictionary<uint, P4.Config.V1.Table> tables, Dictionary<uint, P4.Config.V1.Action> actions)
    {
        var table = tables[row.TableId];
        var action = actions[row.Action.Action.ActionId];
        var match = row.Match.OrderBy(m => m.FieldId).Select(m => $"{table.MatchFields.Single(f => f.Id == m.FieldId).Name}={Value(m)}");
        var values = row.Action.Action.Params.OrderBy(p => p.ParamId)
            .Select(p => $"{action.Params.Single(a => a.Id == p.ParamId).Name}={Hex(p.Value.Span)}");
        return $"{table.Preamble.Alias} {string.Join(' ', match)} {action.Preamble.Alias}({string.Join(' ', values)})";
    }

    private static string Value(FieldMatch match) => match.Lpm is { } lpm
        ? $"{Hex(lpm.Value.Span)}/{lpm.PrefixLen.ToString(CultureInfo.InvariantCulture)}"
        : Hex(match.Exact.Value.Span);

    private static string Hex(ReadOnlySpan<byte> value) =>
        Convert.ToHexStringLower(value).TrimStart('0') is { Length: > 0 } digits ? digits : "0";
}
