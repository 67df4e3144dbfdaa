using System.Collections;
using System.Diagnostics;
using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>
/// The CNI plugin: checks the runtime's input, answers VERSION, passes everything else to the agent and prints its response. It runs for a
/// few milliseconds and uses nothing that is slow to load.
/// </summary>
internal static class CniPlugin
{
    private static readonly TimeSpan InputLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StatusInputLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryLimit = TimeSpan.FromSeconds(3);

    public static int Run()
    {
        var environment = ReadEnvironment();
        // A STATUS that waits for its input would block the runtime's own status.
        var input = environment.GetValueOrDefault("CNI_COMMAND") == "STATUS" ? StatusInputLimit : InputLimit;
        var response = Execute(environment, () => StandardStreams.ReadInput(0, AgentRequest.MaxStdin, input), AgentSocket.Ask);
        StandardStreams.Write(2, response.Error.Span);
        return StandardStreams.Write(1, response.Output.Span) ? response.ExitCode : 1;
    }

    /// <summary>The complete plugin, independent of the process and its streams.</summary>
    public static AgentResponse Execute(
        Dictionary<string, string> environment, Func<byte[]> readInput, Func<string, byte[], TimeSpan, AgentResponse> ask)
    {
        var version = "";
        try
        {
            var started = Stopwatch.GetTimestamp();
            var call = CniEnvironment.Read(name => environment.GetValueOrDefault(name));
            var input = readInput();
            if (call.Command == "VERSION")
            {
                return new AgentResponse(0, CniErrorJson.Versions(VersionOf(input)), default);
            }

            var removal = call.Command == "DEL";
            var header = removal ? CniNetworkHeader.ReadForRemoval(input) : CniNetworkHeader.Read(input);
            version = header.Version;
            if (!removal)
            {
                header.Check(call.Command);
            }
            else if (call.InvalidName.Length > 0 || header.HasNoUsableName)
            {
                return NothingToRemove(call.InvalidName.Length > 0 ? call.InvalidName : "name in the network configuration");
            }

            var frame = AgentRequest.Encode(AgentRequestKind.Cni, environment, input);
            var answer = removal ? Remove(call, header, frame, started, ask) : Ask(call.Command, header, frame, started, ask);
            return answer.ExitCode == AgentResponse.NotStarted ? answer with { ExitCode = 1 } : answer;
        }
        catch (CniException e)
        {
            return Failure(version, e.Code, e.Message, e.Details);
        }
        catch (FrameException e)
        {
            return Failure(version, (int)CniErrorCode.IoFailure, e.Message, "");
        }
    }

    private static AgentResponse Ask(
        string command, CniNetworkHeader header, byte[] frame, long started, Func<string, byte[], TimeSpan, AgentResponse> ask)
    {
        try
        {
            return ask(header.Socket, frame, RequestLimits.OfPlugin(command) - Stopwatch.GetElapsedTime(started));
        }
        catch (AgentUnavailableException e)
        {
            var code = command == "STATUS" ? CniErrorCode.NotAvailable : CniErrorCode.TryAgainLater;
            return Failure(header.Version, (int)code, "the host-stub agent is not available", e.Message);
        }
    }

    // A DEL can be repeated: it is sent again if the connection was lost. If that fails, it is stored until the agent is back.
    private static AgentResponse Remove(
        CniEnvironment call, CniNetworkHeader header, byte[] frame, long started, Func<string, byte[], TimeSpan, AgentResponse> ask)
    {
        string reason;
        for (var pause = 50; ; pause *= 2)
        {
            try
            {
                var answer = ask(header.Socket, frame, RequestLimits.OfPlugin("DEL") - Stopwatch.GetElapsedTime(started));
                if (answer.ExitCode != AgentResponse.NotStarted)
                {
                    return answer;
                }

                reason = "the host-stub agent did not accept the DEL";
                break;
            }
            catch (AgentUnavailableException e) when (e.IsConnectionLost && Stopwatch.GetElapsedTime(started) < RetryLimit)
            {
                StandardStreams.Pause(pause);
            }
            catch (Exception e) when (e is AgentUnavailableException or FrameException)
            {
                reason = e.Message;
                break;
            }
        }
        return Store(call, header, frame, reason);
    }

    private static AgentResponse Store(CniEnvironment call, CniNetworkHeader header, byte[] frame, string reason)
    {
        var directory = header.Pending.Length > 0 ? header.Pending : CniNetworkHeader.PendingFor(header.Socket);
        try
        {
            PendingRemoval.Store(directory, PendingFiles.NameOf(header.Name, call.ContainerId, call.InterfaceName), frame);
            return new AgentResponse(
                0, default, Encoding.UTF8.GetBytes($"host-stub: {reason}; the removal is stored for it in {directory}\n"));
        }
        catch (IOException e)
        {
            return Failure(
                header.Version,
                (int)CniErrorCode.TryAgainLater,
                "the host-stub agent is not available",
                $"{reason}; the DEL could not be stored for it either: {e.Message}");
        }
    }

    private static AgentResponse NothingToRemove(string what) =>
        new(0, default, Encoding.UTF8.GetBytes($"host-stub: {what} is not valid, so there is nothing to remove\n"));

    private static AgentResponse Failure(string version, int code, string message, string details) =>
        new(1, CniErrorJson.Error(version, code, message, details), default);

    // A caller that only asks for versions need not send a network configuration.
    private static string VersionOf(byte[] input)
    {
        try
        {
            return CniNetworkHeader.Read(input).Version;
        }
        catch (CniException)
        {
            return "";
        }
    }

    private static Dictionary<string, string> ReadEnvironment()
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            if (entry is { Key: string name, Value: string value } && name.Length > 0)
            {
                environment[name] = value;
            }
        }
        return environment;
    }
}
