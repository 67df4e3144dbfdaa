using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Crash.Tests.Hostile;

/// <summary>
/// Hostile peers of the agent's unix socket: garbage, incomplete frames, silence, and CNI verbs with unusual configurations of their own
/// networks.
/// </summary>
internal sealed class AgentPeers : IDisposable
{
    private const int MaxSilent = 16;

    // Longer than the plugin's own timeout.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly Lab _lab;
    private readonly string _namespace;
    private readonly string _socket;
    private readonly HeldConnections _silent = new(MaxSilent);
    private int _number;

    private AgentPeers(Lab lab, string netns)
    {
        _lab = lab;
        _namespace = netns;
        _socket = lab.At("host-stub.sock");
    }

    public static async Task<AgentPeers> StartAsync(Lab lab) => new(lab, await lab.AddNamespaceAsync("hostile"));

    public IEnumerable<HostileAction> Actions()
    {
        yield return new("agent-silent", 2, SilentAsync);
        yield return new("agent-garbage", 2, (random, end) => SendAsync(RandomNumberGenerator.GetBytes(random.Next(1, 4096)), end));
        yield return new("agent-half-frame", 2, (_, end) => SendAsync(Frame("DEL", Config("hostile"), "eth0")[..^10], end));
        // Each DEL names another network, none of which was ever used.
        yield return new("del-network", 4, (_, end) => AskAsync("DEL", Config($"hostile-{Next()}"), "eth0", 0, end));
        yield return new("del-long-network", 2,
            (random, end) => AskAsync("DEL", Config(new string('n', random.Next(200, 300))), "eth0", null, end));
        yield return new("add-all", 2, (_, end) => AskAsync("ADD", Config("hostile"), "all", 1, end));
        yield return new("add-odd", 2, (random, end) => AskAsync("ADD", UnusualConfig(random), "eth0", 1, end));
        yield return new("del-odd", 2, (random, end) => AskAsync("DEL", UnusualConfig(random), "eth0", null, end));
        yield return new("check-unknown", 2, (_, end) => AskAsync("CHECK", Config("hostile"), "eth0", 1, end));
        yield return new("gc-null", 2,
            (_, end) => AskAsync("GC", Config("hostile", "\"cni.dev/valid-attachments\":null,"), "eth0", null, end));
    }

    public void CloseAll() => _silent.CloseAll();

    /// <summary>Whether the agent has closed all connections.</summary>
    public bool HasClosedAll()
    {
        if (_lab.Agent is not { HasExited: false } agent)
        {
            return true;
        }

        try
        {
            // "Num RefCount Protocol Flags Type St Inode Path": accepted sockets have the listener's path and state 03 when connected.
            return !File.ReadLines($"/proc/{agent.Id}/net/unix").Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Any(words => words.Length > 7 && words[7].StartsWith(_socket, StringComparison.Ordinal) && words[5] == "03");
        }
        catch (IOException)
        {
            return agent.HasExited;
        }
    }

    public void Dispose() => CloseAll();

    private async Task<Socket> ConnectAsync(CancellationToken end)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), end);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<string?> SilentAsync(Random random, CancellationToken end)
    {
        _silent.Hold(await ConnectAsync(end));
        return null;
    }

    private async Task<string?> SendAsync(byte[] bytes, CancellationToken end)
    {
        var socket = await ConnectAsync(end);
        _silent.Hold(socket);
        await socket.SendAsync(bytes, end);
        return null;
    }

    /// <param name="verb">ADD, DEL, ….</param>
    /// <param name="config">The plugin's standard input.</param>
    /// <param name="ifname">CNI_IFNAME.</param>
    /// <param name="expected">0 if it must succeed, 1 if it must fail, null if it only has to be answered. Verbs that need the ACC are
    /// never required to succeed, because it may be down.</param>
    /// <param name="end">Cancels the request.</param>
    private async Task<string?> AskAsync(string verb, string config, string ifname, int? expected, CancellationToken end)
    {
        using var socket = await ConnectAsync(end);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(end);
        limit.CancelAfter(Limit);
        var answer = new byte[6];
        try
        {
            await socket.SendAsync(Frame(verb, config, ifname), limit.Token);
            await using var stream = new NetworkStream(socket);
            // Length (4), format (1), exit code (1), then text.
            await stream.ReadExactlyAsync(answer, limit.Token);
        }
        catch (OperationCanceledException) when (!end.IsCancellationRequested)
        {
            return $"{verb} was not answered within {Limit.TotalSeconds:0} s; configuration {config}";
        }

        return (expected, answer[5]) switch
        {
            // 75: not started because of too many requests.
            (0, not (0 or 75)) => $"{verb} with CNI_IFNAME={ifname} failed with exit code {answer[5]}; configuration {config}",
            (1, 0) => $"{verb} with CNI_IFNAME={ifname} succeeded; configuration {config}",
            _ => null,
        };
    }

    private byte[] Frame(string verb, string config, string ifname)
    {
        var environment = Encoding.UTF8.GetBytes(
            $"CNI_COMMAND={verb}\0CNI_CONTAINERID=hostile-{Next()}\0CNI_NETNS=/run/netns/{_namespace}\0CNI_IFNAME={ifname}\0CNI_PATH=/usr/lib/cni\0");
        var input = Encoding.UTF8.GetBytes(config);
        var frame = new byte[10 + environment.Length + input.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        frame[4] = 1;
        frame[5] = 1;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(6), environment.Length);
        environment.CopyTo(frame, 10);
        input.CopyTo(frame, 10 + environment.Length);
        return frame;
    }

    private static string Config(string network,
        string more = "") => $$"""{"cniVersion":"1.1.0","name":"{{network}}",{{more}}"type":"accoffload"}""";

    // Configurations that ADD rejects and DEL must accept.
    private static string UnusualConfig(Random random) => Config("hostile", random.Next(6) switch
    {
        0 => "\"mtu\":\"9000\",",
        1 => "\"dns\":[],",
        2 => "\"ipam\":7,",
        3 => "\"prevResult\":{\"interfaces\":7},",
        4 => "\"deviceKind\":\"nonesuch\",",
        _ => "\"mtu\":-1,",
    });

    private int Next() => Interlocked.Increment(ref _number);
}
