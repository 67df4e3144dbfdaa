using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Wire;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using P4.V1;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>The product's session with a simulated target.</summary>
internal abstract class P4Session : FuzzSession
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    protected P4Session(bool takeOver = false)
    {
        Session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = new TargetEndpoint { Address = "unix:/fuzz", Answers = () => Invoker },
                TimeProvider = Time,
                TakeOver = takeOver,
                BackoffMin = TimeSpan.FromMilliseconds(1),
                BackoffMax = TimeSpan.FromMilliseconds(10),
            },
            NullLogger.Instance);
        Session.Start();
    }

    protected WireInvoker Invoker { get; } = new();

    protected FakeTimeProvider Time { get; } = new();

    protected P4RuntimeSession Session { get; }

    protected string Input { get; set; } = "";

    public override string Describe() => Input;

    public override void End() => Session.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Reconnects if the last input ended the connection, and wins the election.</summary>
    protected void BecomePrimary()
    {
        if (Session.State == SessionState.Primary)
        {
            return;
        }

        Until(
            () =>
            {
                if (Session.State == SessionState.Disconnected && Invoker.Stream is not { IsWaiting: true })
                {
                    Time.Advance(TimeSpan.FromMilliseconds(20));
                }

                return Invoker.Stream is { IsWaiting: true };
            },
            "the session opens a stream");
        for (var tries = 0; Session.State != SessionState.Primary && tries < 20; tries++)
        {
            Send(Arbitration(StatusCode.OK, Session.ElectionId).ToByteArray());
        }

        FuzzFailure.Unless(
            Session.State == SessionState.Primary, $"after a won election the session is {Session.State}: {Session.StateReason}");
    }

    /// <summary>Sends one message on the stream and waits until the session has processed it.</summary>
    protected void Send(byte[] message)
    {
        Until(() => Invoker.Stream is { IsWaiting: true } || Session.State == SessionState.Disconnected, "the session reads the stream");
        if (Invoker.Stream is not { IsWaiting: true } stream)
        {
            return;
        }

        stream.Send(message);
        Until(() => stream.IsWaiting || stream.IsClosed, "the message is processed");
        Until(() => !stream.IsClosed || Session.State == SessionState.Disconnected, "the session notices the end of the stream");
    }

    protected static StreamMessageResponse Arbitration(StatusCode code, ElectionId id) => new()
    {
        Arbitration = new MasterArbitrationUpdate
        {
            DeviceId = 1,
            ElectionId = new Uint128 { High = id.High, Low = id.Low },
            Status = new Google.Rpc.Status { Code = (int)code }
        },
    };

    protected static void OneLine(string text) =>
        FuzzFailure.Unless(text.Length < 8192 && !text.Any(char.IsControl), $"not one line: {text}");

    private static void Until(Func<bool> condition, string what)
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var wait = new SpinWait(); !condition(); wait.SpinOnce())
        {
            FuzzFailure.Unless(System.Diagnostics.Stopwatch.GetElapsedTime(started) < Limit, $"timed out waiting until {what}");
        }
    }
}
