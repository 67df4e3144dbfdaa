using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>
/// Connections that are silent, slow, half-closed or send garbage at any stage, from the address of a legitimate client, which must
/// still be served.
/// </summary>
internal sealed class ConnectionTarget() : FuzzTarget("connections")
{
    public override int EpisodeLength => 50;

    public override int OneIn => 50;

    public override FuzzSession Start(Dice dice) => new Session();

    private static readonly Lazy<byte[]> ClientHello = new(RecordHello);

    /// <summary>The ClientHello of our client, recorded from an unanswered handshake.</summary>
    private static byte[] RecordHello()
    {
        using var sent = new MemoryStream();
        using var tls = new SslStream(sent);
        try
        {
            tls.AuthenticateAsClient(new SslClientAuthenticationOptions
            {
                TargetHost = "accoffload-acc",
                ApplicationProtocols = [SslApplicationProtocol.Http2]
            });
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            // The recording stream ends after the ClientHello.
        }
        return sent.ToArray();
    }

    private sealed class Session : FuzzSession
    {
        private const int MaxKept = 150;

        private readonly ServedApi _served = new();
        private readonly Queue<IDisposable> _kept = new();
        private readonly List<SlowPeer> _slow = [];
        private string _last = "";

        public override string Describe() => _last;

        public override bool Step(Dice dice)
        {
            _slow.RemoveAll(peer => !peer.Send(dice.Between(1, 8)));
            if (dice.OneIn(8))
            {
                _last = "a legitimate request";
                _served.ServeAsync(anew: dice.OneIn(2)).GetAwaiter().GetResult();
                return true;
            }

            while (_kept.Count >= MaxKept)
            {
                _kept.Dequeue().Dispose();
            }

            var client = new TcpClient();
            _kept.Enqueue(client);
            try
            {
                Disturb(dice, client);
            }
            catch (Exception e) when (e is IOException or SocketException or AuthenticationException or ObjectDisposedException)
            {
                // The server may close such a connection at any time.
            }
            return false;
        }

        public override void End()
        {
            while (_kept.TryDequeue(out var kept))
            {
                kept.Dispose();
            }

            _served.Dispose();
        }

        private void Disturb(Dice dice, TcpClient client)
        {
            var api = dice.OneIn(6) ? _served.Api.HealthAddress : _served.Api.ApiAddress;
            client.Connect(IPAddress.Loopback, api.Port);
            switch (dice.Below(7))
            {
                case 0:
                    _last = "silence";
                    break;
                case 1:
                    _last = "a half-closed connection";
                    client.Client.Shutdown(SocketShutdown.Send);
                    break;
                case 2:
                    _last = "noise";
                    client.GetStream().Write(dice.Bytes(dice.Between(1, 3000)));
                    break;
                case 3:
                    _last = "the beginning of a handshake";
                    client.GetStream().Write([0x16, 3, 1, (byte)dice.Below(0x40), (byte)dice.Below(256), 1, .. dice.Bytes(dice.Below(40))]);
                    break;
                case 4:
                    _last = "a good ClientHello, slowly";
                    SendSlowly(dice, client.GetStream(), ClientHello.Value);
                    break;
                default:
                    Authenticated(dice, client);
                    break;
            }
        }

        /// <summary>Misbehaves after a handshake with a valid certificate. Only another node's certificate keeps requests open: requests
        /// with this node's certificate share a limit with the legitimate client.</summary>
        private void Authenticated(Dice dice, TcpClient client)
        {
            var own = dice.OneIn(2);
            var tls = new SslStream(client.GetStream());
            _kept.Enqueue(tls);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = "accoffload-acc",
                        ClientCertificates = [own ? _served.Own : _served.Foreign],
                        ApplicationProtocols = [SslApplicationProtocol.Http2],
                        RemoteCertificateValidationCallback = (_, server, _, _) => server?.Issuer == _served.Api.Pki.Authority.Subject,
                    },
                    limit.Token).GetAwaiter().GetResult();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            byte[] preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0];
            _last = $"{(own ? "this" : "another")} node's certificate and then ";
            switch (dice.Below(own ? 4 : 6))
            {
                case 0:
                    _last += "silence";
                    break;
                case 1:
                    _last += "noise";
                    tls.Write(dice.OneIn(2) ? dice.Bytes(dice.Between(1, 3000)) : [.. preface, .. dice.Bytes(dice.Between(1, 3000))]);
                    break;
                case 2:
                    _last += "part of the preface or of a frame";
                    tls.Write([.. preface[..dice.Between(1, preface.Length)]]);
                    break;
                case 3:
                    _last += "frames, slowly";
                    // Settings and a ping; from another node also a request with slow headers and body.
                    byte[] ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, .. dice.Bytes(8)];
                    byte[] request = [0, 0, 3, 1, 4, 0, 0, 0, 1, 0x83, 0x84, 0x87, 0, 0, 40, 0, 1, 0, 0, 0, 1, .. dice.Bytes(40)];
                    SendSlowly(dice, tls, [.. preface, .. ping, .. own ? ping : request]);
                    break;
                case 4:
                    _last += "headers without an end";
                    tls.Write([.. preface, 0, 0, 4, 1, 0, 0, 0, 0, 1, 0x82, 0x84, 0x87]);
                    break;
                default:
                    _last += "a request without a body";
                    // POST https / as indexed fields, with END_HEADERS but not END_STREAM.
                    tls.Write([.. preface, 0, 0, 3, 1, 4, 0, 0, 0, 1, 0x83, 0x84, 0x87]);
                    break;
            }
        }

        /// <summary>Sends a part immediately, so that peers are at every stage, and the rest byte by byte during the session.</summary>
        private void SendSlowly(Dice dice, Stream stream, byte[] bytes)
        {
            var sent = dice.Below(bytes.Length);
            stream.Write(bytes.AsSpan(0, sent));
            _slow.Add(new SlowPeer(stream, bytes.AsMemory(sent)));
        }
    }
}
