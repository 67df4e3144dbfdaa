using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>Writes the messages that go to Felix (FromDataplane), as whole frames.</summary>
internal static class FelixReports
{
    private const int ProcessStatus = 3;
    private const int EndpointStatus = 6;
    private const int EndpointStatusRemove = 7;
    private const int Sequence = 8;

    /// <summary>The sign of life that Felix expects every 10 s.</summary>
    /// <param name="sequence">The number of the message.</param>
    /// <param name="now">The time.</param>
    /// <param name="uptime">Time since this process began to serve Felix; sent in seconds.</param>
    public static byte[] Alive(ulong sequence, DateTimeOffset now, TimeSpan uptime) => Frame(sequence, ProcessStatus, new ProtoWriter()
        .Text(1, now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))
        .Double(2, uptime.TotalSeconds));

    /// <summary>The state of an endpoint: "up", "down" or "error"; null when it has gone.</summary>
    public static byte[] Status(ulong sequence, FelixEndpointId id, string? status)
    {
        var message = new ProtoWriter().Message(
            1, new ProtoWriter().Text(2, id.Orchestrator).Text(3, id.Workload).Text(4, id.Endpoint));
        return status is null
            ? Frame(sequence, EndpointStatusRemove, message)
            : Frame(sequence, EndpointStatus, message.Message(2, new ProtoWriter().Text(1, status)));
    }

    private static byte[] Frame(ulong sequence, int field, ProtoWriter payload) =>
        FelixFrames.Encode(new ProtoWriter().Message(field, payload).Number(Sequence, sequence).Written);
}
