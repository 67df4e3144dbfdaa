using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>Controls the virtual machine over the QEMU machine protocol (QMP).</summary>
internal static class QemuMonitor
{
    /// <summary>Writes the machine's state to a file that QEMU loads with -incoming, and leaves the machine stopped.</summary>
    public static async Task SaveAsync(string socket, string file)
    {
        using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        await using var stream = new NetworkStream(connection);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        await ExecuteAsync("qmp_capabilities");
        // Without a bandwidth limit. QEMU itself stops the machine for the last part; if it were stopped before, it would stay paused after
        // loading.
        await ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 40, ["downtime-limit"] = 120_000 });
        await ExecuteAsync("migrate", new JsonObject { ["uri"] = $"exec:cat >{file}" });
        var status = "";
        await Eventually.TrueAsync(
            async () => (status = (string?)(await ExecuteAsync("query-migrate"))["status"] ?? "") == "completed"
                || (status == "failed" ? throw new IOException("QEMU could not save the machine's state") : false),
            () => $"the machine's state is written: {status}", 300);

        async Task<JsonNode> ExecuteAsync(string command, JsonObject? arguments = null)
        {
            var request = new JsonObject { ["execute"] = command };
            if (arguments is not null)
            {
                request["arguments"] = arguments;
            }

            await writer.WriteLineAsync(request.ToJsonString());
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            while (await reader.ReadLineAsync(limit.Token) is { } line)
            {
                var answer = JsonNode.Parse(line)!;
                if (answer["error"] is { } error)
                {
                    throw new IOException($"QEMU, {command}: {error.ToJsonString()}");
                }
                // Skip the greeting and events.
                if (answer["return"] is { } result)
                {
                    return result;
                }
            }
            throw new IOException("QEMU closed its monitor");
        }
    }
}
