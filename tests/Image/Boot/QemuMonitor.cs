using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>QEMU's own protocol (QMP), for what concerns the machine as a whole.</summary>
internal static class QemuMonitor
{
    /// <summary>Stops the machine and writes its state to a file, from which QEMU starts with -incoming.</summary>
    public static async Task SaveAsync(string socket, string file)
    {
        using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        await using var stream = new NetworkStream(connection);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        await AskAsync("qmp_capabilities");
        // At the speed of the disk; the machine is stopped for the last part, and so goes on by itself where it is started from there.
        await AskAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 40, ["downtime-limit"] = 120_000 });
        await AskAsync("migrate", new JsonObject { ["uri"] = $"exec:cat >{file}" });
        var status = "";
        await Eventually.TrueAsync(
            async () => (status = (string?)(await AskAsync("query-migrate"))["status"] ?? "") == "completed" || (status == "failed" ? throw new IOException("QEMU could not write the machine's state down") : false),
            () => $"the machine's state is written: {status}", 300);

        async Task<JsonNode> AskAsync(string command, JsonObject? arguments = null)
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
                // Its greeting and events come in between.
                if (answer["return"] is { } result)
                {
                    return result;
                }
            }
            throw new IOException("QEMU closed its monitor");
        }
    }
}
