using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Tests;

public sealed partial class PluginTests
{
    private const string Config =
        "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"type\":\"accoffload\",\"socket\":\"/run/there-is-none.sock\"}";

    [Theory]
    [InlineData("NONSENSE", Config, 4)]
    [InlineData("ADD", "{", 6)]
    [InlineData("ADD", "{\"cniVersion\":\"0.1.0\",\"name\":\"x\"}", 1)]
    [InlineData("ADD", "{\"cniVersion\":\"1.0.0\",\"name\":\"x y\"}", 7)]
    [InlineData("STATUS", Config, 1)]
    public void Some_errors_are_reported_without_an_agent(string command, string input, int code) => Run(command, input).Failed(code);

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
    public async Task Signals_do_not_prolong_the_wait_for_input()
    {
        // A signal interrupts system calls only where it has a handler.
        using var handled = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, static _ => { });
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var input = (int)pipe.ClientSafePipeHandle.DangerousGetHandle();
        var ended = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var id = 0;
        var reader = new Thread(() =>
        {
            Volatile.Write(ref id, ThreadId());
            ended.SetResult(Record.Exception(() => StandardStreams.ReadInput(input, 1000, TimeSpan.FromSeconds(1))));
        })
        {
            IsBackground = true,
        };
        var started = Stopwatch.GetTimestamp();
        reader.Start();

        const int windowChange = 28;
        while (!ended.Task.IsCompleted && Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(10))
        {
            await Task.Delay(20);
            if (Volatile.Read(ref id) is not 0 and var thread)
            {
                _ = SignalThread(System.Environment.ProcessId, thread, windowChange);
            }
        }

        Assert.True(ended.Task.IsCompleted, "the read did not end");
        Assert.Contains(
            "standard input did not end within 1 s", Assert.IsType<CniException>(await ended.Task).Message, StringComparison.Ordinal);
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int ThreadId();

    [LibraryImport("libc", EntryPoint = "tgkill")]
    private static partial int SignalThread(int process, int thread, int signal);

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
}
