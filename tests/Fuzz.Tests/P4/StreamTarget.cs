using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Wire;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using P4Error = P4.V1.StreamError;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>Messages from a target on the stream: arbitration, packets, errors. The session's state must follow from the message.</summary>
internal sealed class StreamTarget() : FuzzTarget("p4-stream")
{
    public override FuzzSession Start(Dice dice) => new Stream(dice.OneIn(2));

    private sealed class Stream : P4Session
    {
        private int _packets;
        private byte[]? _payload;

        public Stream(bool takeOver)
            : base(takeOver)
        {
            Session.PacketReceived += packet => (_packets, _payload) = (_packets + 1, packet.Payload.ToArray());
        }

        public override bool Step(Dice dice)
        {
            if (Session.State == SessionState.Disconnected)
            {
                BecomePrimary();
            }
            else if (dice.OneIn(8))
            {
                Time.Advance(TimeSpan.FromMilliseconds(20));
            }

            var before = Session.State;
            var bid = Session.ElectionId;
            var message = Message(dice, bid);
            var bytes = message.ToByteArray();
            if (dice.OneIn(2))
            {
                bytes = ProtoMutator.Mutate(dice, bytes, Message(dice, bid).ToByteArray());
            }

            Input = $"{before}, bid {bid}: {Convert.ToHexString(bytes)}";
            var packets = _packets;
            Send(bytes);

            StreamMessageResponse? read = null;
            try
            {
                read = StreamMessageResponse.Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                // gRPC ends the call if it can't parse a message.
            }

            var expected = read is null ? SessionState.Disconnected : Expected(read, before, bid);
            FuzzFailure.Unless(Session.State == expected, $"{Session.State} ({Session.StateReason}), expected {expected}: {read}");
            OneLine(Session.StateReason);
            var delivered = read?.UpdateCase == StreamMessageResponse.UpdateOneofCase.Packet;
            FuzzFailure.Unless(_packets - packets == (delivered ? 1 : 0)
                && (!delivered || read!.Packet.Payload.Span.SequenceEqual(_payload)), "a packet was lost, changed or invented");
            return expected != SessionState.Disconnected;
        }

        private SessionState Expected(StreamMessageResponse message, SessionState before, ElectionId bid)
        {
            if (message.UpdateCase != StreamMessageResponse.UpdateOneofCase.Arbitration)
            {
                return before;
            }

            var update = message.Arbitration;
            if (update.DeviceId != 1 || (update.Role?.Name ?? "") != "")
            {
                return SessionState.Disconnected;
            }

            return (update.Status?.Code ?? 0) switch
            {
                0 => (update.ElectionId?.High ?? 0, update.ElectionId?.Low ?? 0) == (bid.High, bid.Low) ? SessionState.Primary : before,
                5 or 6 => SessionState.Backup,
                _ => SessionState.Disconnected,
            };
        }

        private StreamMessageResponse Message(Dice dice, ElectionId bid)
        {
            switch (dice.Below(10))
            {
                case < 5:
                    var id = dice.Below(4) switch { 0 => new ElectionId(dice.OddNumber(), dice.OddNumber()), 1 => bid.Next(), _ => bid };
                    var message = Arbitration(dice.OneIn(12)
                        ? (StatusCode)(int)dice.OddNumber()
                        : dice.Pick(StatusCode.OK, StatusCode.OK, StatusCode.AlreadyExists, StatusCode.NotFound), id);
                    if (dice.OneIn(15))
                    {
                        message.Arbitration.Role = new Role { Name = dice.OddText().ToWellFormed() };
                    }

                    if (dice.OneIn(25))
                    {
                        message.Arbitration.DeviceId = dice.OddNumber();
                    }

                    if (dice.OneIn(15))
                    {
                        message.Arbitration.ElectionId = null;
                    }

                    if (dice.OneIn(15))
                    {
                        message.Arbitration.Status = dice.OneIn(2)
                            ? null
                            : new Google.Rpc.Status { Code = 3, Message = dice.OddText().ToWellFormed() };
                    }

                    return message;
                case < 8:
                    var packet = new PacketIn { Payload = ByteString.CopyFrom(dice.Bytes(dice.Pick(0, 1, 60, 1500))) };
                    for (var i = dice.Below(3); i > 0; i--)
                    {
                        packet.Metadata.Add(new PacketMetadata
                        {
                            MetadataId = (uint)dice.OddNumber(),
                            Value = ByteString.CopyFrom(dice.Bytes(dice.Below(9)))
                        });
                    }

                    return new StreamMessageResponse { Packet = packet };
                case 8:
                    return new StreamMessageResponse
                    {
                        Error = new P4Error
                        {
                            CanonicalCode = (int)dice.OddNumber(),
                            Message = dice.OddText().ToWellFormed()
                        }
                    };
                default:
                    return new StreamMessageResponse();
            }
        }
    }
}

internal static class TextExtensions
{
    /// <summary>Replaces unpaired surrogates, which UTF-8 cannot encode.</summary>
    public static string ToWellFormed(this string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
}
