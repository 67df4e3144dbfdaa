using System.Net.Sockets;
using System.Text;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>Runs shell commands inside a virtual machine, through a serial port of QEMU and the guest-agent script.</summary>
/// <param name="socket">QEMU's socket for the serial port.</param>
/// <param name="tail">Returns the last lines of the console, for error messages.</param>
public sealed class GuestShell(string socket, Func<string> tail) : IDisposable
{
    private Socket? _socket;
    private StreamReader? _responses;
    private int _number;

    /// <summary>Waits until the guest agent answers, which is after systemd has mounted the file systems.</summary>
    /// <param name="check">Throws if waiting is pointless, for example because QEMU has exited.</param>
    /// <param name="limit">The time limit.</param>
    public async Task WaitReadyAsync(Action check, TimeSpan limit)
    {
        var deadline = DateTime.UtcNow + limit;
        while (true)
        {
            check();
            try
            {
                await ConnectAsync();
                if ((await RunAsync("true", TimeSpan.FromSeconds(60))).ExitCode == 0)
                {
                    return;
                }
            }
            catch (Exception e) when (e is SocketException or IOException or TimeoutException)
            {
                if (DateTime.UtcNow > deadline)
                {
                    throw new TimeoutException($"the machine did not come up within {limit}; its console:\n{tail()}", e);
                }

                await Task.Delay(1000);
            }
        }
    }

    /// <summary>Runs a shell command in the machine.</summary>
    public Task<ShellResult> RunAsync(string command) => RunAsync(command, TimeSpan.FromMinutes(5));

    /// <summary>Runs a shell command in the machine with a time limit.</summary>
    public async Task<ShellResult> RunAsync(string command, TimeSpan limit)
    {
        var number = ++_number;
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await _socket!.SendAsync(Encoding.ASCII.GetBytes($"{number} {Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}\n"),
                timeout.Token);
            while (await _responses!.ReadLineAsync(timeout.Token) is { } line)
            {
                var words = line.Split(' ');
                // Skips responses to earlier requests that timed out before the machine was ready.
                if (words.Length == 3 && words[0] == $"{number}")
                {
                    return new ShellResult(int.Parse(words[1]), Encoding.UTF8.GetString(Convert.FromBase64String(words[2])), "");
                }
            }
            throw new IOException("the machine closed the connection");
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the machine did not answer: {command}\n{tail()}");
        }
    }

    /// <summary>The output of a command that must succeed.</summary>
    public async Task<string> OutputAsync(string command)
    {
        var result = await RunAsync(command);
        return result.ExitCode == 0
            ? result.Output.TrimEnd()
            : throw new InvalidOperationException($"{command}: exit code {result.ExitCode}\n{result.Output}");
    }

    /// <summary>Runs a command until it succeeds.</summary>
    public async Task RetryAsync(string command, string what, int seconds = 300)
    {
        ShellResult? last = null;
        await Eventually.TrueAsync(async () => (last = await RunAsync(command)).ExitCode == 0,
            () => $"{what}: {last?.Output}\n{tail()}", seconds);
    }

    public void Dispose()
    {
        _responses?.Dispose();
        _socket?.Dispose();
        _responses = null;
        _socket = null;
    }

    private async Task ConnectAsync()
    {
        Dispose();
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await _socket.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        _responses = new StreamReader(new NetworkStream(_socket));
    }
}
