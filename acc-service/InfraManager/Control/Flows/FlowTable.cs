using System.Net;
using System.Runtime.CompilerServices;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>
/// The table in which the data plane keeps one entry for each flow that it tracks: through a service, masqueraded, or of an isolated pod.
/// (<c>flows</c> has none for a flow that is not rewritten, and several for one that moved.)
/// </summary>
internal sealed class FlowTable
{
    private const string Name = "replies";
    private const string ActionName = "way_back";

    private readonly TableSchema _table;

    private FlowTable(TableSchema table) => _table = table;

    /// <summary>The table of a pipeline; null if it tracks no flows.</summary>
    public static FlowTable? Of(Pipeline pipeline) =>
        pipeline.Tables.FirstOrDefault(t => t.Alias == Name) is { } table ? new FlowTable(table) : null;

    /// <summary>Reads the flows in no order, as the target sends them.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked; UNIMPLEMENTED where it never can.</exception>
    public async IAsyncEnumerable<LiveFlow> ReadAsync(ITargetView target, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var learned in target.ReadLearnedAsync(_table, cancellationToken))
        {
            yield return ToFlow(learned);
        }
    }

    private static LiveFlow ToFlow(LearnedEntry learned)
    {
        var entry = learned.Entry;
        if (entry.Action.Alias != ActionName)
        {
            throw Malformed(entry, $"action '{entry.Action.Alias}'");
        }

        var (protocol, endpoint) = (0u, 0u);
        ReadOnlyMemory<byte> remoteIp = default, localIp = default, clientIp = default;
        var (remotePort, localPort, clientPort) = (0u, 0u, 0u);
        foreach (var match in entry.EnumerateMatch())
        {
            switch (match.Field.Name)
            {
                case "protocol":
                    protocol = Number(match.Value);
                    break;
                case "remote_ip":
                    remoteIp = match.Value;
                    break;
                case "remote_port":
                    remotePort = Number(match.Value);
                    break;
                case "endpoint_id":
                    endpoint = Number(match.Value);
                    break;
                case "local_ip":
                    localIp = match.Value;
                    break;
                case "local_port":
                    localPort = Number(match.Value);
                    break;
            }
        }

        var (frontend, backend, outside, node) = (0u, 0u, 0u, 0u);
        foreach (var value in entry.EnumerateParams())
        {
            switch (value.Param.Name)
            {
                case "frontend_id":
                    frontend = Number(value.Value);
                    break;
                case "backend_id":
                    backend = Number(value.Value);
                    break;
                case "client_ip":
                    clientIp = value.Value;
                    break;
                case "client_port":
                    clientPort = Number(value.Value);
                    break;
                case "outside":
                    outside = Number(value.Value);
                    break;
                case "from_node":
                    node = Number(value.Value);
                    break;
            }
        }

        return new LiveFlow(
            (byte)protocol, End(entry, clientIp, clientPort), End(entry, remoteIp, remotePort), End(entry, localIp, localPort), frontend,
            backend, endpoint, outside != 0, node != 0, learned.Timeout, learned.Idle);
    }

    private static FlowEnd End(Entry entry, ReadOnlyMemory<byte> address, uint port) => address.Length is 4 or 16
        ? new FlowEnd(PolicyAddress.Of(new IPAddress(address.Span)), (ushort)port)
        : throw Malformed(entry, $"an address of {address.Length} bytes");

    private static uint Number(ReadOnlyMemory<byte> value)
    {
        uint number = 0;
        foreach (var digit in value.Span)
        {
            number = (number << 8) | digit;
        }

        return number;
    }

    private static P4RuntimeException Malformed(Entry entry, string what) =>
        new(StatusCode.DataLoss, $"table {entry.Table.Alias} has an entry with {what}, which is no flow of this pipeline");
}
