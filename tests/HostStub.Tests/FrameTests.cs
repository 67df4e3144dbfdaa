using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.Sockets;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Wire;
using ACCOffload.TestKit.Processes;
using CsCheck;

namespace ACCOffload.HostStub.Tests;

public sealed class FrameTests
{
    [Fact]
    public Task A_request_arrives_however_it_is_fragmented() =>
        Gen.Select(
            Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 1, 10], Gen.String[Gen.Char['\u0001', '\u1000'], 0, 20]).Array[0, 10],
            Gen.Byte.Array[0, 3000],
            Gen.Int[1, 500]).SampleAsync(async (pairs, stdin, piece) =>
        {
            var environment = pairs.DistinctBy(p => p.Item1).ToDictionary(p => p.Item1, p => p.Item2);
            var frame = AgentRequest.Encode(AgentRequestKind.Cni, environment, stdin);
            var pipe = new Pipe();
            var reading = FrameReader.ReadAsync(pipe.Reader, AgentRequest.MaxBody, CancellationToken.None).AsTask();
            for (var i = 0; i < frame.Length; i += piece)
            {
                await pipe.Writer.WriteAsync(frame.AsMemory(i, Math.Min(piece, frame.Length - i)));
            }

            var request = AgentRequest.Decode((await reading)!);
            Assert.Equal(environment, request.Environment);
            Assert.Equal(stdin, request.Stdin.ToArray());
        }, iter: 200);

    [Fact]
    public async Task End_of_stream_is_an_error_only_inside_a_frame()
    {
        Assert.Null(await ReadAsync([]));
        await Assert.ThrowsAsync<FrameException>(() => ReadAsync([0, 0]));
        await Assert.ThrowsAsync<FrameException>(() => ReadAsync([0, 0, 0, 9, 1]));
    }

    [Theory]
    [InlineData(0x7fffffff)]
    [InlineData(-1)]
    [InlineData(AgentRequest.MaxBody + 1)]
    public async Task A_length_over_the_limit_is_refused_before_the_body_arrives(int length)
    {
        var prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, length);
        await Assert.ThrowsAsync<FrameException>(() => ReadAsync(prefix));
    }

    [Fact]
    public void Garbage_is_either_refused_or_decoded() =>
        Gen.Byte.Array[0, 100].Sample(bytes =>
        {
            try
            {
                AgentRequest.Decode(bytes);
            }
            catch (FrameException)
            {
                // The only exception that is allowed.
            }
        });

    [Theory]
    [InlineData(new byte[] { 2, 1, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 9, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 1, 0, 0, 0, 1 })]
    [InlineData(new byte[] { 1, 1, 255, 255, 255, 255 })]
    [InlineData(new byte[] { 1, 1, 0, 0, 0, 2, (byte)'A', 0 })]
    [InlineData(new byte[] { 1, 1, 0, 0, 0, 3, (byte)'A', (byte)'=', (byte)'b' })]
    public void Malformed_requests_are_refused(byte[] body) => Assert.Throws<FrameException>(() => AgentRequest.Decode(body));

    [Fact]
    public void A_response_round_trips() =>
        Gen.Select(Gen.Byte, Gen.Byte.Array[0, 100], Gen.Byte.Array[0, 100]).Sample((exit, output, error) =>
        {
            var response = AgentResponse.Decode(new AgentResponse(exit, output, error).Encode().AsMemory(4));
            Assert.Equal(exit, response.ExitCode);
            Assert.Equal(output, response.Output.ToArray());
            Assert.Equal(error, response.Error.ToArray());
        });

    [Fact]
    public async Task The_agent_answers_garbage_with_error_5_and_keeps_running()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        foreach (var bytes in (byte[][])[[0xff, 0xff, 0xff, 0xff], [0, 0, 0, 3, 1, 1, 0], [0, 0, 0, 6, 1, 7, 0, 0, 0, 0]])
        {
            (await SendAsync(lab.Socket, bytes)).Failed(5);
        }

        (await Task.Run(() => lab.Request("DEL", "x", "", change: c => c.Remove("ipam")))).Succeeded();
    }

    [Fact]
    public async Task Many_silent_connections_do_not_stop_the_agent()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        var silent = new List<Socket>();
        for (var i = 0; i < 50; i++)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(lab.Socket));
            silent.Add(socket);
        }
        (await Task.Run(() => lab.Request("DEL", "x", "", change: c => c.Remove("ipam")))).Succeeded();
        // The agent closes them.
        Assert.Equal(0, await silent[0].ReceiveAsync(new byte[1]).WaitAsync(TimeSpan.FromSeconds(30)));
        silent.ForEach(s => s.Dispose());
    }

    [Fact]
    public async Task The_socket_is_for_root_only()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(lab.Socket));
        Assert.Throws<AgentUnavailableException>(() => AgentSocket.Ask(lab.At("none"), [], TimeSpan.FromSeconds(1)));
        // Even if an administrator makes the socket accessible, the peer's user ID decides.
        File.SetUnixFileMode(lab.Directory, (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(lab.Socket, (UnixFileMode)0b110_110_110);
        var (exit, output, error) = await Shell.RunAsync(
            null,
            "setpriv",
            [
                "--reuid=65534", "--clear-groups", "/usr/bin/perl", "-MIO::Socket::UNIX", "-e",
                $"print IO::Socket::UNIX->new(Peer => '{lab.Socket}')->getline",
            ]);
        Assert.True(exit == 0 && output.Contains("only root may use the agent's socket", StringComparison.Ordinal), output + error);
    }

    private static async Task<PluginAnswer> SendAsync(string path, byte[] bytes)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        using var stream = new NetworkStream(socket);
        await stream.WriteAsync(bytes);
        socket.Shutdown(SocketShutdown.Send);
        var body = await FrameReader.ReadAsync(PipeReader.Create(stream), AgentResponse.MaxBody, CancellationToken.None);
        return PluginAnswer.From(AgentResponse.Decode(body));
    }

    private static async Task<byte[]?> ReadAsync(byte[] bytes)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(bytes);
        await pipe.Writer.CompleteAsync();
        return await FrameReader.ReadAsync(pipe.Reader, AgentRequest.MaxBody, CancellationToken.None);
    }
}
