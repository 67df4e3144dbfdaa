using ACCOffload.FakeKernel.Scripted;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.Fuzz.Tests.Netlink;

/// <summary>
/// Corrupted devlink replies: device and port lists, a single port, the switch mode, a new subfunction. An accepted port list must equal
/// the result of a plain parser.
/// </summary>
internal sealed class DevlinkTarget() : FuzzTarget("devlink-replies")
{
    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private static readonly DevlinkHandle Device = DevlinkHandle.Pci("0000:01:00.0");

        private byte[] _datagram = [];
        private int _method;
        private uint _asked;

        public override string Describe() => $"method {_method}: {Convert.ToHexString(_datagram)}";

        public override bool Step(Dice dice)
        {
            _method = dice.Below(5);
            using var devlink = new ScriptedSockets().Open((kernel, sequence) =>
            {
                var dump = (kernel.Requests[^1][7] & 3) == 3;
                _asked = sequence;
                _datagram = Datagram(dice, sequence, dump);
                kernel.Answer(_datagram);
                if (dump)
                {
                    kernel.Done(sequence);
                }
                else
                {
                    kernel.Acknowledge(sequence);
                }
            });
            try
            {
                switch (_method)
                {
                    case 0:
                        foreach (var device in devlink.GetDevices())
                        {
                            FuzzFailure.Unless(device.Bus.Length > 0 && device.Name.Length > 0, $"{device}");
                        }

                        break;
                    case 1:
                        var found = string.Join('\n',
                            devlink.GetPorts()
                                .Select(p => $"{p.Device} {p.Index} {(int?)p.Flavour} {p.PfNumber} {p.SfNumber} {p.NetdevName} "
                                    + $"{p.FunctionActive} {p.FunctionAttached} {p.FunctionMac}"));
                        var expected = string.Join('\n', PlainNetlink.Ports(_datagram, _asked));
                        FuzzFailure.Unless(found == expected, $"read:\n{found}\nexpected:\n{expected}");
                        break;
                    case 2:
                        _ = devlink.GetPort(Device, 1);
                        break;
                    case 3:
                        _ = devlink.GetEswitch(Device);
                        break;
                    default:
                        FuzzFailure.Unless(
                            devlink.CreateSubfunction(new SubfunctionSpec { Device = Device, PfNumber = 0 }).Device.Bus.Length > 0,
                            "a port without a device");
                        break;
                }
                return true;
            }
            catch (NetlinkException e)
            {
                FuzzFailure.Unless(e.Message.Length > 0 && !e.Message.Any(c => c is '\n' or '\0'), $"not one line: {e.Message}");
                return false;
            }
        }

        private byte[] Datagram(Dice dice, uint sequence, bool dump)
        {
            var messages = new List<byte>();
            for (var count = dump ? dice.Between(1, 4) : 1; count > 0; count--)
            {
                var command = (byte)(dice.OneIn(30)
                    ? dice.Below(80)
                    : _method switch { 0 => 3, 1 => dice.Pick(3, 7, 7), 3 => 29, _ => 7 });
                var attributes = new List<byte>([.. Bytes.Attribute(1, "pci\0"u8), .. Bytes.Attribute(2, "0000:01:00.0\0"u8),
                    .. Bytes.Attribute(3, Bytes.Int(dice.Below(9)))]);
                for (var more = dice.Below(8); more > 0; more--)
                {
                    attributes.AddRange(Attribute(dice));
                }

                byte[] payload = [command, 1, 0, 0, .. attributes];
                if (dice.OneIn(10))
                {
                    payload = ByteMutator.Mutate(dice, payload);
                }

                messages.AddRange(Bytes.Message(dice.OneIn(60) ? dice.Below(40) : ScriptedSockets.Family, dump ? 2 : 0, sequence,
                    ScriptedKernel.Port, payload));
            }
            return [.. messages];
        }

        private static byte[] Attribute(Dice dice)
        {
            var type = dice.OneIn(25)
                ? dice.Below(200)
                : dice.Pick(4, 6, 7, 25, 26, 62, 77, 78, 98, 99, 101, 127, 128, 145, 145, 149, 150, 164, 166, 167);
            if (dice.OneIn(30))
            {
                return Bytes.Attribute(type, dice.Bytes(dice.Below(20)));
            }

            return type switch
            {
                7 or 98 or 99 => Bytes.Attribute(type, dice.Pick<byte[]>("eth0\0"u8.ToArray(), "x"u8.ToArray(), [0xFF, 0], [])),
                4 or 25 or 77 or 127 or 128 => Bytes.Attribute(type, dice.Bytes(2)),
                26 or 62 or 149 => Bytes.Attribute(type, dice.Bytes(1)),
                101 => Bytes.Attribute(type | 0x8000, [.. Bytes.Attribute(103, "fw\0"u8), .. Bytes.Attribute(104, "1\0"u8)]),
                145 => Bytes.Attribute(type | 0x8000,
                    [.. Bytes.Attribute(1, dice.Bytes(dice.Pick(6, 6, 20))), .. Bytes.Attribute(2, [(byte)dice.Below(3)]),
                        .. Bytes.Attribute(dice.Pick(3, 3, 9), [(byte)dice.Below(2)])]),
                166 or 167 => Bytes.Attribute(type, dice.Bytes(8)),
                _ => Bytes.Attribute(type, Bytes.Int(dice.OneIn(3) ? (int)dice.OddNumber() : dice.Below(99))),
            };
        }
    }
}
