using System.Diagnostics;
using System.Net.Sockets;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.TestKit.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>The program that Felix starts: a process, with pipes at its descriptors 3 and 4.</summary>
public sealed class FelixDriverTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly CancellationTokenSource _cancel = new(TimeSpan.FromSeconds(90));
    private Process? _process;

    private static string Executable => Path.Combine(AppContext.BaseDirectory, "inframanager.dll");

    private string SocketPath => _folder.At("felix.sock");

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }

        _process?.Dispose();
        _cancel.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_Felix_that_starts_the_driver_is_in_sync_and_hears_of_its_endpoints()
    {
        var world = new FelixWorld();
        var listener = new FelixListener(
            SocketPath, s => new FelixSession(s, world.SubmitAsync, TimeProvider.System, NullLogger.Instance),
            TimeProvider.System, NullLogger.Instance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_cancel.Token);
        var serving = listener.RunAsync(stop.Token);
        await Eventually.TrueAsync(() => File.Exists(SocketPath), "the socket");
        var (toDriver, fromDriver) = await StartAsync();
        var felix = new FelixWriter(FelixDialect.Kinds);
        await using (fromDriver)
        {
            await using (toDriver)
            {
                // A set of more than the pipe and the buffers hold.
                var members = Enumerable.Range(0, 20_000).Select(i => $"10.1.{i >> 8}.{i & 255}/32");
                foreach (var message in (byte[][])[
                    felix.Set("s:many", 2, members),
                    felix.Policy("default.web", [FelixWriter.Rule("allow", r => r.Text(10, "s:many"))], []),
                    felix.Endpoint("prod/web", ["10.0.0.1/32"], [new FelixTierText("default", "Deny", ["default.web"], [])], []), felix.InSync()])
                {
                    await toDriver.WriteAsync(FelixFrames.Encode(message), _cancel.Token);
                }

                await toDriver.FlushAsync(_cancel.Token);
                await Eventually.TrueAsync(() => $"{listener.Status}" == "in sync", () => $"{listener.Status}");
                var answers = new byte[4096];
                var length = 0;
                while (!answers.AsSpan(0, length).EndsWith("\u0002up"u8) && answers.AsSpan(0, length).IndexOf("up"u8) < 0)
                {
                    length += await fromDriver.ReadAsync(answers.AsMemory(length), _cancel.Token);
                }

                Assert.True(answers.AsSpan(0, length).IndexOf("prod/web"u8) > 0);
            }

            // Felix is killed: end of file at its pipe.
            await _process!.WaitForExitAsync(_cancel.Token);
            Assert.Equal(0, _process.ExitCode);
        }

        await Eventually.TrueAsync(() => $"{listener.Status}" == "no Felix", "gone");
        Assert.True(world.IsAllowed("prod/web", "10.1.0.1"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
    }

    [Fact]
    public async Task A_service_that_closes_ends_the_driver_with_one_line()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        listener.Listen();
        var (toDriver, fromDriver) = await StartAsync();
        await using var input = toDriver;
        await using var output = fromDriver;
        (await listener.AcceptAsync(_cancel.Token)).Dispose();

        await _process!.WaitForExitAsync(_cancel.Token);
        Assert.Equal(1, _process.ExitCode);
        Assert.Equal(
            $"inframanager felix-driver: inframanager closed {SocketPath}; its log says why. Felix ends with its driver, and starts again\n",
            await _process.StandardError.ReadToEndAsync(_cancel.Token));
    }

    [Fact]
    public async Task SIGTERM_ends_it_although_Felix_says_nothing()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        listener.Listen();
        var (toDriver, fromDriver) = await StartAsync();
        await using var input = toDriver;
        await using var output = fromDriver;
        using var connection = await listener.AcceptAsync(_cancel.Token);

        (await Shell.RunAsync(null, "kill", ["-TERM", $"{_process!.Id}"])).MustSucceed();

        await _process.WaitForExitAsync(_cancel.Token).WaitAsync(TimeSpan.FromSeconds(30), _cancel.Token);
        Assert.Equal(0, _process.ExitCode);
    }

    [Fact]
    public async Task Without_the_service_it_ends_with_one_line()
    {
        using var error = new StringWriter();
        using var input = new MemoryStream();
        using var output = new MemoryStream();

        var code = await new FelixDriver(input, output, SocketPath, error).RunAsync(TimeSpan.FromMilliseconds(300), _cancel.Token);

        Assert.Equal(1, code);
        Assert.StartsWith($"inframanager felix-driver: inframanager does not serve {SocketPath} (", error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task A_link_named_felix_driver_stands_for_the_command_and_without_pipes_it_is_one_line()
    {
        // Felix passes no arguments. Without pipes at 3 and 4 the command says so: that is how it is known to have run.
        var link = _folder.At(FelixDriverCommand.Name);
        File.CreateSymbolicLink(link, Path.Combine(AppContext.BaseDirectory, "inframanager"));
        var result = await Shell.RunAsync(null, "sh", ["-c", $"exec {link} 3<&- 4>&-"]);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            "inframanager felix-driver: file descriptors 3 and 4 are not open; Felix starts this command, as its setting DataplaneDriver says\n",
            result.Error);
    }

    private async Task<(FileStream ToDriver, FileStream FromDriver)> StartAsync()
    {
        var (input, output) = (_folder.At("3"), _folder.At("4"));
        (await Shell.RunAsync(null, "mkfifo", [input, output])).MustSucceed();
        _process = Process.Start(new ProcessStartInfo(
            "sh", ["-c", $"exec dotnet {Executable} {FelixDriverCommand.Name} --socket {SocketPath} 3<{input} 4>{output}"])
        {
            RedirectStandardError = true,
        })!;
        // The shell opens one after the other, and each waits for the other side.
        var toDriver = await OpenAsync(input, FileAccess.Write);
        var fromDriver = await OpenAsync(output, FileAccess.Read);
        return (toDriver, fromDriver);
    }

    private Task<FileStream> OpenAsync(string path, FileAccess access) =>
        Task.Run(() => new FileStream(path, FileMode.Open, access, FileShare.ReadWrite, 0), _cancel.Token).WaitAsync(_cancel.Token);
}
