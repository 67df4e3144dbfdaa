using System.Collections;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>
/// The CNI plugin: checks what the runtime passed, answers VERSION, hands everything else to the agent and prints its
/// answer. It lives for a few milliseconds and touches nothing that is slow to load.
/// </summary>
internal static class CniPlugin
{
    private static readonly TimeSpan InputLimit = TimeSpan.FromSeconds(10);

    public static int Run()
    {
        var environment = ReadEnvironment();
        var response = Execute(environment, () => StandardStreams.ReadInput(AgentRequest.MaxStdin, InputLimit), AgentSocket.Ask);
        StandardStreams.Write(2, response.Error.Span);
        return StandardStreams.Write(1, response.Output.Span) ? response.ExitCode : 1;
    }

    /// <summary>The whole plugin, apart from the process around it.</summary>
    public static AgentResponse Execute(Dictionary<string, string> environment, Func<byte[]> readInput, Func<string, byte[], TimeSpan, AgentResponse> ask)
    {
        string version = "";
        try
        {
            var call = CniEnvironment.Read(name => environment.GetValueOrDefault(name));
            byte[] input = readInput();
            if (call.Command == "VERSION")
                return new AgentResponse(0, CniErrorJson.Versions(VersionOf(input)), default);
            var header = CniNetworkHeader.Read(input);
            version = header.Version;
            header.Check(call.Command);
            byte[] frame = AgentRequest.Encode(AgentRequestKind.Cni, environment, input);
            return Ask(call.Command, header, frame, ask);
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

    private static AgentResponse Ask(string command, CniNetworkHeader header, byte[] frame, Func<string, byte[], TimeSpan, AgentResponse> ask)
    {
        try
        {
            return ask(header.Socket, frame, Limit(command));
        }
        catch (AgentUnavailableException e)
        {
            var code = command == "STATUS" ? CniErrorCode.NotAvailable : CniErrorCode.TryAgainLater;
            return Failure(header.Version, (int)code, "the host-stub agent is not available", e.Message);
        }
    }

    // Beyond what the agent itself allows each command, so that its answer, which says more, comes first.
    private static TimeSpan Limit(string command) => TimeSpan.FromSeconds(command switch { "STATUS" => 20, "GC" => 180, _ => 60 });

    private static AgentResponse Failure(string version, int code, string message, string details) =>
        new(1, CniErrorJson.Error(version, code, message, details), default);

    // Whoever only asks for versions need not send a network configuration.
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
                environment[name] = value;
        }
        return environment;
    }
}
