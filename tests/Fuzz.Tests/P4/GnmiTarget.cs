using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using Gnmi;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>Responses to gNMI Get and Set.</summary>
internal sealed class GnmiTarget() : FuzzTarget("p4-gnmi")
{
    public override FuzzSession Start(Dice dice) => new Ports();

    private sealed class Ports : FuzzSession
    {
        private readonly WireInvoker _invoker = new();
        private readonly GnmiClient _client;
        private string _input = "";

        public Ports() => _client = new GnmiClient(new TargetEndpoint { Address = "unix:/fuzz", Answers = () => _invoker });

        public override string Describe() => _input;

        public override void End() => _client.DisposeAsync().AsTask().GetAwaiter().GetResult();

        public override bool Step(Dice dice)
        {
            var bytes = Response(dice).ToByteArray();
            if (dice.OneIn(2))
            {
                bytes = ProtoMutator.Mutate(dice, bytes, Response(dice).ToByteArray());
            }

            var status = dice.OneIn(8) ? new Status((StatusCode)dice.Below(17), dice.OddText()) : Status.DefaultSuccess;
            var set = dice.OneIn(8);
            _input = $"{status.StatusCode} set {set} {Convert.ToHexString(bytes)}";
            _invoker.Answer = _ => new WireAnswer([bytes], status);
            var expected = status.StatusCode switch
            {
                StatusCode.OK => set ? SetResult(bytes) : GetResult(bytes),
                StatusCode.NotFound => set ? null : "",
                StatusCode.AlreadyExists when set => "",
                _ => null,
            };
            string? found = null;
            try
            {
                if (set)
                {
                    _client.AddPortAsync("tap0", CancellationToken.None).GetAwaiter().GetResult();
                    found = "";
                }
                else
                {
                    found = string.Join(' ', _client.GetPortsAsync(CancellationToken.None).GetAwaiter().GetResult().OrderBy(p => p.Key,
                        StringComparer.Ordinal).Select(p => $"{p.Key}:{p.Value}"));
                }
            }
            catch (P4RuntimeException e)
            {
                FuzzFailure.Unless(e.Message.Length < 8192 && !e.Message.Any(char.IsControl), $"not one line: {e.Message}");
            }

            FuzzFailure.Unless(found == expected, $"{found ?? "an error"}, expected {expected ?? "an error"}");
            return found is not null;
        }

        private static string? SetResult(byte[] bytes)
        {
            try
            {
                SetResponse.Parser.ParseFrom(bytes);
                return "";
            }
            catch (InvalidProtocolBufferException)
            {
                return null;
            }
        }

        private static string? GetResult(byte[] bytes)
        {
            GetResponse response;
            try
            {
                response = GetResponse.Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                return null;
            }

            var ports = new SortedDictionary<string, uint>(StringComparer.Ordinal);
            foreach (var notification in response.Notification)
            {
                foreach (var update in notification.Update)
                {
                    var path = (notification.Prefix?.Elem ?? []).Concat(update.Path?.Elem ?? []).ToArray();
                    if (path.Length == 0 || path[^1].Name != "tdi-portin-id")
                    {
                        continue;
                    }

                    var name = path.LastOrDefault(e => e.Name == "virtual-interface" && e.Key.ContainsKey("name"))?.Key["name"] ?? "*";
                    switch (update.Val?.ValueCase)
                    {
                        case TypedValue.ValueOneofCase.UintVal when update.Val.UintVal <= uint.MaxValue:
                            ports[name] = (uint)update.Val.UintVal;
                            break;
                        case TypedValue.ValueOneofCase.IntVal when update.Val.IntVal >= 0 && update.Val.IntVal <= uint.MaxValue:
                            ports[name] = (uint)update.Val.IntVal;
                            break;
                        default:
                            return null;
                    }
                }
            }

            return string.Join(' ', ports.Select(p => $"{p.Key}:{p.Value}"));
        }

        private static GetResponse Response(Dice dice)
        {
            var notification = new Notification();
            for (var i = dice.Below(4); i > 0; i--)
            {
                var path = new Gnmi.Path
                {
                    Elem = { new PathElem { Name = "interfaces" },
                    new PathElem { Name = "virtual-interface", Key = { ["name"] = $"tap{dice.Below(4)}" } },
                    new PathElem { Name = "config" } }
                };
                path.Elem.Add(new PathElem { Name = dice.OneIn(8) ? "name" : "tdi-portin-id" });
                var value = dice.OneIn(10) ? dice.OddNumber() : (ulong)dice.Below(300);
                notification.Update.Add(new Update
                {
                    Path = path,
                    Val = dice.OneIn(12)
                    ? new TypedValue { StringVal = "x" }
                    : dice.OneIn(2) ? new TypedValue { UintVal = value } : new TypedValue { IntVal = (long)value }
                });
            }

            return new GetResponse { Notification = { notification } };
        }
    }
}
