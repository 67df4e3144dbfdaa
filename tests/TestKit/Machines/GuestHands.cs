using System.Net.Sockets;
using System.Text;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>The test's hands inside a virtual machine (guest-agent): a shell's command lines, run through a serial port of QEMU.</summary>
/// <param name="socket">Where QEMU has the port.</param>
/// <param name="tail">The last of what the machine said, for errors.</param>
public sealed class GuestHands(string socket, Func<string> tail) : IDisposable
{
    private Socket? _hands;
    private StreamReader? _answers;
    private int _number;

    /// <summary>Waits until the hands answer: systemd has mounted its file systems.</summary>
    /// <param name="check">Throws when waiting has no sense any more.</param>
    /// <param name="limit">How long.</param>
    public async Task ReachAsync(Action check, TimeSpan limit)
    {
        var deadline = DateTime.UtcNow + limit;
        while (true)
        {
            check();
            try
            {
                await ConnectAsync();
                if ((await AskAsync("true", TimeSpan.FromSeconds(60))).ExitCode == 0)
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

    /// <summary>Runs a shell's command line inside.</summary>
    public Task<ShellResult> AskAsync(string command) => AskAsync(command, TimeSpan.FromMinutes(5));

    /// <summary>Runs a shell's command line inside, with a limit.</summary>
    public async Task<ShellResult> AskAsync(string command, TimeSpan patience)
    {
        var number = ++_number;
        using var limit = new CancellationTokenSource(patience);
        try
        {
            await _hands!.SendAsync(Encoding.ASCII.GetBytes($"{number} {Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}\n"),
                limit.Token);
            while (await _answers!.ReadLineAsync(limit.Token) is { } line)
            {
                var words = line.Split(' ');
                // An answer to what was asked before the machine was ready is nobody's any more.
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
        var result = await AskAsync(command);
        return result.ExitCode == 0
            ? result.Output.TrimEnd()
            : throw new InvalidOperationException($"{command}: exit code {result.ExitCode}\n{result.Output}");
    }

    /// <summary>Runs a command until it succeeds.</summary>
    public async Task UntilAsync(string command, string what, int seconds = 300)
    {
        ShellResult? last = null;
        await Eventually.TrueAsync(async () => (last = await AskAsync(command)).ExitCode == 0,
            () => $"{what}: {last?.Output}\n{tail()}", seconds);
    }

    public void Dispose()
    {
        _answers?.Dispose();
        _hands?.Dispose();
        _answers = null;
        _hands = null;
    }

    private async Task ConnectAsync()
    {
        Dispose();
        _hands = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await _hands.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        _answers = new StreamReader(new NetworkStream(_hands));
    }
}
