using System.Buffers.Binary;
using System.Net.Sockets;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.HostStub.Agent;
using ACCOffload.HostStub.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Fuzz.Tests.Frames;

/// <summary>
/// The agent's server on a real socket, one connection per input: data arrives in pieces or ends early, and every connection must get
/// a response or be closed.
/// </summary>
internal sealed class SocketTarget() : FuzzTarget("frames-socket")
{
    public override int OneIn => 20;

    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-fuzz-").FullName;
        private readonly RequestServer _server;
        private readonly UnixDomainSocketEndPoint _address;
        private byte[] _stream = [];
        private int _handled;

        public Session()
        {
            _address = new UnixDomainSocketEndPoint(Path.Combine(_folder, "a.sock"));
            _server = RequestServer.Start(_address.ToString(), Handle, NullLoggerFactory.Instance);
        }

        public override string Describe() => Convert.ToHexString(_stream);

        public override bool Step(Dice dice)
        {
            _stream = dice.OneIn(3) ? FrameInputs.Stream(dice) : FrameInputs.Frame(dice);
            if (dice.OneIn(8))
            {
                _stream = _stream[..dice.Below(_stream.Length + 1)];
            }

            var (bodies, _) = PlainFrames.Split(_stream, AgentRequest.MaxBody);
            var expected = bodies.Count > 0 && PlainFrames.Environment(bodies[0]) is not null;
            var handled = Volatile.Read(ref _handled);
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            {
                SendTimeout = 20_000,
                ReceiveTimeout = 20_000
            };
            socket.Connect(_address);
            try
            {
                for (var rest = _stream.AsSpan(); !rest.IsEmpty;)
                {
                    rest = rest[socket.Send(rest[..Math.Min(rest.Length, dice.Pick(1, 7, 4000, 4000))])..];
                }

                socket.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
            {
                // The server responded before everything was sent.
            }

            var accepted = Answered(socket, handled);
            FuzzFailure.Unless(accepted == expected, accepted ? "accepted an invalid request" : "rejected a valid request");
            return accepted;
        }

        public override void End()
        {
            _server.DisposeAsync().AsTask().GetAwaiter().GetResult();
            FuzzFailure.Unless(_server.Running == 0, $"{_server.Running} requests are still running");
            Directory.Delete(_folder, recursive: true);
        }

        private bool Answered(Socket socket, int handled)
        {
            var answer = new List<byte>();
            var buffer = new byte[4096];
            try
            {
                for (int got; (got = socket.Receive(buffer)) > 0;)
                {
                    answer.AddRange(buffer.AsSpan(0, got));
                }
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // Unread data resets the connection when the server closes it after its response.
            }

            var accepted = Volatile.Read(ref _handled) > handled;
            if (answer.Count == 0)
            {
                // Nothing was sent, or the reset discarded the response.
                return accepted;
            }

            FuzzFailure.Unless(answer.Count >= 10 && BinaryPrimitives.ReadInt32BigEndian(answer.ToArray()) == answer.Count - 4,
                "incomplete response");
            var response = AgentResponse.Decode(answer.ToArray().AsMemory(4));
            FuzzFailure.Unless(response.ExitCode == (accepted ? 0 : 1), $"exit code {response.ExitCode}, handled: {accepted}");
            return accepted;
        }

        private Task<AgentResponse> Handle(AgentRequest request)
        {
            Interlocked.Increment(ref _handled);
            return Task.FromResult(new AgentResponse(0, "{}"u8.ToArray(), default));
        }
    }
}
