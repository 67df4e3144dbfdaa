using System.Text;
using System.Text.Json;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Cli;

/// <summary>Queries the running agent and prints its response.</summary>
internal static class AgentQuery
{
    private const int NoAgent = 2;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <returns>
    /// The exit code: 2 if no agent answers or it refuses, otherwise what <paramref name="verdict"/> returns for the response.
    /// </returns>
    public static int Ask(string socket, AgentRequestKind kind, bool json, Func<JsonElement, string> text, Func<JsonElement, int> verdict)
    {
        AgentResponse response;
        try
        {
            response = AgentSocket.Ask(socket, AgentRequest.Encode(kind, [], default), Limit);
        }
        catch (Exception e) when (e is AgentUnavailableException or FrameException)
        {
            Console.Error.WriteLine($"host-stub: {e.Message}");
            return NoAgent;
        }
        using var document = JsonDocument.Parse(response.Output);
        var root = document.RootElement;
        if (response.ExitCode != 0)
        {
            Console.Error.WriteLine($"host-stub: {root.GetProperty("msg").GetString()}");
            return NoAgent;
        }
        Console.Out.WriteLine(json ? Encoding.UTF8.GetString(response.Output.Span) : text(root));
        return verdict(root);
    }
}
