using System.Net;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Fuzz.Tests.Netlink;

/// <summary>
/// Corrupted replies from the kernel: lists of links, addresses, neighbours and routes, acknowledgements, link and neighbour events. An
/// accepted list must equal the result of a plain parser.
/// </summary>
internal sealed class ReplyTarget() : FuzzTarget("netlink-replies")
{
    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private byte[] _datagram = [];
        private string _operation = "";
        private uint _asked;

        public override string Describe() => $"{_operation}: {Convert.ToHexString(_datagram)}";

        public override bool Step(Dice dice)
        {
            using var kernel = new ScriptedKernel();
            if (dice.OneIn(6))
            {
                return dice.OneIn(2) ? Changes(dice, kernel) : NeighborChanges(dice, kernel);
            }

            using var route = new RouteNetlink(new NetlinkConnection(kernel, kernel.Time));
            var kind = dice.Pick(16, 16, 20, 24, 28);
            kernel.OnRequest = (_, sequence) =>
            {
                // A list that changed during the dump is requested again and gets a new reply.
                _asked = sequence;
                _datagram = NetlinkInputs.Datagram(dice, kind, sequence);
                kernel.Answer(_datagram);
                if (!dice.OneIn(5))
                {
                    kernel.Done(sequence);
                }
            };
            try
            {
                switch (dice.Below(6))
                {
                    case 0:
                        _operation = "a request";
                        route.SetUp(7);
                        return true;
                    case 1:
                        _operation = "one link";
                        var link = route.GetLink(7);
                        FuzzFailure.Unless(link is null || (link.Index > 0 && link.Name.Length > 0), $"{link}");
                        return true;
                    default:
                        _operation = $"list of kind {kind}";
                        List(route, kind);
                        return true;
                }
            }
            catch (NetlinkException e)
            {
                FuzzFailure.Unless(e.Message.Length > 0 && !e.Message.Any(c => c is '\n' or '\0'), $"not one line: {e.Message}");
                return false;
            }
        }

        private void List(RouteNetlink route, int kind)
        {
            switch (kind)
            {
                case 16:
                    var links = route.GetLinks();
                    AssertSame(links.Select(l => $"{l.Index} {l.Name} {l.Mac} {l.Mtu} {l.IsUp} {l.Kind} {l.PeerIndex} {l.Alias}"),
                        PlainNetlink.Links(_datagram, _asked));
                    break;
                case 20:
                    var addresses = route.GetAddresses();
                    AssertSame(addresses.Select(a => $"{a.InterfaceIndex} {a.Address}/{a.PrefixLength}"),
                        PlainNetlink.Addresses(_datagram, _asked));
                    break;
                case 28:
                    var neighbors = route.GetNeighbors();
                    AssertSame(neighbors.Select(n => $"{n.InterfaceIndex} {n.Address} {n.Mac} {(int)n.State} {(int)n.Flags & 0xff} "
                        + $"{n.Flags.HasFlag(NeighborFlags.Managed)} {n.SinceConfirmed?.TotalMilliseconds}"),
                        PlainNetlink.Neighbors(_datagram, _asked));
                    break;
                default:
                    foreach (var found in route.GetRoutes())
                    {
                        FuzzFailure.Unless(found.Table == Route.MainTable
                            && IPNetwork.TryParse(found.Destination.ToString(), out _), $"{found}");
                    }

                    break;
            }
        }

        private static void AssertSame(IEnumerable<string> found, IEnumerable<string> expected)
        {
            var (a, b) = (string.Join('\n', found), string.Join('\n', expected));
            FuzzFailure.Unless(a == b, $"read:\n{a}\nexpected:\n{b}");
        }

        private bool Changes(Dice dice, ScriptedKernel kernel)
        {
            _operation = "link changes";
            using var monitor = new LinkMonitor(kernel, new FileDescriptor());
            _datagram = NetlinkInputs.Datagram(dice, 16, 0);
            kernel.Answer(_datagram);
            var (events, lost) = (0, false);
            while (monitor.TryRead(out var change))
            {
                FuzzFailure.Unless(++events <= (_datagram.Length / 16) + 1, "more events than messages");
                FuzzFailure.Unless((change.Kind == LinkEventKind.Lost) == (change.Link is null), "only a loss event may lack a link");
                lost |= change.Kind == LinkEventKind.Lost;
            }

            return !lost;
        }

        private bool NeighborChanges(Dice dice, ScriptedKernel kernel)
        {
            _operation = "neighbour changes";
            using var monitor = new NeighborMonitor(kernel, new FileDescriptor());
            _datagram = NetlinkInputs.Datagram(dice, dice.Pick(28, 28, 29), 0);
            kernel.Answer(_datagram);
            var (events, lost) = (0, false);
            while (monitor.TryRead(out var change))
            {
                FuzzFailure.Unless(++events <= (_datagram.Length / 16) + 1, "more events than messages");
                FuzzFailure.Unless(
                    (change.Kind == NeighborEventKind.Lost) == (change.Neighbor is null), "only a loss event may lack a neighbour");
                FuzzFailure.Unless(change.Neighbor is not { InterfaceIndex: <= 0 }, $"{change.Neighbor}");
                lost |= change.Kind == NeighborEventKind.Lost;
            }

            return !lost;
        }
    }
}
