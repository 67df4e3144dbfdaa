using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Tests;

public sealed class PluginTests
{
    private const string Config =
        "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"type\":\"accoffload\",\"socket\":\"/run/there-is-none.sock\"}";

    [Theory]
    [InlineData("{\"cniVersion\":\"0.4.0\"}", "0.4.0")]
    [InlineData("{\"cniVersion\":\"9.9.9\"}", "9.9.9")]
    [InlineData("", "1.1.0")]
    [InlineData("nonsense", "1.1.0")]
    public void Version_is_answered_without_the_agent(string input, string version)
    {
        var answer = Run("VERSION", input).Succeeded().Output!;
        Assert.Equal(version, answer["cniVersion"]!.GetValue<string>());
        Assert.Equal(
            ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"], answer["supportedVersions"]!.AsArray().Select(v => v!.GetValue<string>()));
    }

    [Theory]
    [InlineData("ADD", 11)]
    [InlineData("CHECK", 11)]
    public void Without_an_agent_the_runtime_should_try_again(string command, int code)
    {
        var answer = Run(command, Config).Failed(code);
        Assert.Contains("/run/there-is-none.sock: No such file or directory; is it running?", answer.Message, StringComparison.Ordinal);
        Assert.Equal("1.0.0", answer.Output!["cniVersion"]!.GetValue<string>());
    }

    [Fact]
    public void Without_an_agent_status_is_50() => Run("STATUS", Config.Replace("1.0.0", "1.1.0", StringComparison.Ordinal)).Failed(50);

    [Theory]
    [InlineData("NONSENSE", Config, 4)]
    [InlineData("ADD", "{", 6)]
    [InlineData("ADD", "{\"cniVersion\":\"0.1.0\",\"name\":\"x\"}", 1)]
    [InlineData("ADD", "{\"cniVersion\":\"1.0.0\",\"name\":\"x y\"}", 7)]
    [InlineData("STATUS", Config, 1)]
    public void Errors_that_need_no_agent(string command, string input, int code) => Run(command, input).Failed(code);

    [Fact]
    public void The_agents_response_is_passed_on()
    {
        var response = CniPlugin.Execute(Environment("ADD"), () => Encoding.UTF8.GetBytes(Config), (path, frame, _) =>
        {
            Assert.Equal("/run/there-is-none.sock", path);
            var request = AgentRequest.Decode(frame.AsSpan(4));
            Assert.Equal("c1", request.Environment["CNI_CONTAINERID"]);
            Assert.Equal(Config, Encoding.UTF8.GetString(request.Stdin.Span));
            return new AgentResponse(0, "{}"u8.ToArray(), "note"u8.ToArray());
        });
        Assert.Equal("note", PluginAnswer.From(response).Succeeded().ErrorText);
    }

    [Fact]
    public void A_response_in_an_unknown_format_is_error_5()
    {
        var response = CniPlugin.Execute(
            Environment("ADD"), () => Encoding.UTF8.GetBytes(Config), (_, _, _) => AgentResponse.Decode(new byte[] { 9, 0, 0, 0, 0, 0 }));
        PluginAnswer.From(response).Failed(5);
    }

    [Fact]
    public async Task The_executable_is_the_plugin_when_CNI_COMMAND_is_set()
    {
        var (exit, output, error) = await RunProgramAsync("{\"cniVersion\":\"1.0.0\"}", new() { ["CNI_COMMAND"] = "VERSION" });
        Assert.True(exit == 0 && error.Length == 0, error);
        Assert.Equal("1.0.0", JsonNode.Parse(output)!["cniVersion"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_executable_prints_errors_on_standard_output_and_exits_with_1()
    {
        var (exit, output, _) = await RunProgramAsync("{", Environment("ADD"));
        Assert.Equal(1, exit);
        Assert.Equal(6, JsonNode.Parse(output)!["code"]!.GetValue<int>());

        (exit, output, _) = await RunProgramAsync("{\"x\":\"" + new string('x', AgentRequest.MaxStdin) + "\"}", Environment("ADD"));
        Assert.Equal(1, exit);
        Assert.Equal(5, JsonNode.Parse(output)!["code"]!.GetValue<int>());
    }

    [Fact]
    public async Task Without_CNI_COMMAND_it_prints_its_usage()
    {
        var (exit, _, error) = await RunProgramAsync("", new() { ["CNI_COMMAND"] = "" });
        Assert.Equal(2, exit);
        Assert.Contains("host-stub agent", error, StringComparison.Ordinal);
        Assert.Contains("1.1.0", error, StringComparison.Ordinal);
    }

    private static PluginAnswer Run(string command, string input) =>
        PluginAnswer.From(CniPlugin.Execute(Environment(command), () => Encoding.UTF8.GetBytes(input), AgentSocket.Ask));

    private static Dictionary<string, string> Environment(string command) => new()
    {
        ["CNI_COMMAND"] = command,
        ["CNI_CONTAINERID"] = "c1",
        ["CNI_NETNS"] = "/run/netns/x",
        ["CNI_IFNAME"] = "eth0",
        ["CNI_PATH"] = "/opt/cni/bin",
    };

    private static Task<(int ExitCode, string Output, string Error)> RunProgramAsync(
        string input, Dictionary<string, string> environment) =>
        Programs.RunAsync(Programs.HostStub, [], input, environment);
}
