using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>While a row is deleted and reinserted, packets that would match it are dropped and counted.</summary>
public sealed class RowReplacementTests : IDisposable
{
    private const ulong HeldAddress = 1;
    private const ulong HeldBackend = 2;
    private readonly Node _node = new();
    private readonly uint _client;

    public RowReplacementTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    [Fact]
    public void A_pod_without_its_row_is_not_routed_elsewhere()
    {
        var pod = _node.AddPod(2);
        var frame = Frame.Build(Frame.Udp, _client, 5000, pod, 9999);
        _node.Put("held", "hold", [HeldAddress, pod]);
        _node.Remove("pods", pod);

        Assert.Null(_node.Send(1, frame));
        Assert.Equal(1ul, _node.Drops(DropReason.Held));

        _node.Put("pods", "to_pod", [pod], 2, Node.GatewayMac, Node.PodMac(2));
        _node.Pass(1, frame, 2);
    }

    [Fact]
    public void A_service_without_its_row_is_not_passed_on_untranslated()
    {
        var service = new Service(_node).Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        _node.Put("held", "hold", [HeldAddress, Service.Address]);
        _node.Remove("services", 0, Service.Address, 80, Frame.Tcp);

        Assert.Null(_node.Send(1, service.To(_client, 5000)));
        Assert.Equal(1ul, _node.Drops(DropReason.Held));
    }

    [Fact]
    public void A_flow_survives_the_replacement_of_its_backend_row()
    {
        var pod = _node.AddPod(2);
        var service = new Service(_node).Backend(1, pod).Fill(1).Frontend(Service.Address, 80);
        var data = service.To(_client, 5000, Frame.Ack);
        _node.Pass(1, service.To(_client, 5000), 2);

        _node.Put("held", "hold", [HeldBackend, 1]);
        _node.Remove("backends", 1);
        // The client is neither reset nor moved to another backend.
        Assert.Null(_node.Send(1, data));
        Assert.Equal((1ul, 0ul), (_node.Drops(DropReason.Held), _node.Drops(DropReason.NoFlow)));

        _node.Put("backends", "drain_backend", [1], pod, 8080, 1, 0);
        _node.Pass(1, data, 2);
    }
}
