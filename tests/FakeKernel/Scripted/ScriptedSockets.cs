using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.FakeKernel.Scripted;

/// <summary>Sockets with a scripted kernel that has the devlink family.</summary>
internal sealed class ScriptedSockets : INetlinkSockets
{
    public const int Family = 0x15;

    public ScriptedKernel Kernel { get; } = new();

    /// <summary>Opens devlink; <paramref name="answer"/> then receives the sequence number of each request.</summary>
    public DevlinkClient Open(Action<ScriptedKernel, uint> answer)
    {
        Kernel.OnRequest = (_, sequence) =>
        {
            // CTRL_CMD_NEWFAMILY, version 2: CTRL_ATTR_FAMILY_NAME, FAMILY_ID, VERSION, MCAST_GROUPS { 1: { MCAST_GRP_ID, MCAST_GRP_NAME }
            // }.
            Kernel.Answer(Bytes.Message(0x10, 0, sequence, ScriptedKernel.Port, Bytes.Hex("""
                01 02 0000
                0c00 0200 6465766c696e6b00
                0600 0100 1500 0000
                0800 0300 01000000
                1c00 0780
                  1800 0180
                    0800 0200 06000000
                    0b00 0100 636f6e66696700 00
                """)));
            Kernel.Acknowledge(sequence);
        };
        var devlink = new DevlinkClient(this, new PciBus("/nonexistent"));
        Kernel.OnRequest = (_, sequence) => answer(Kernel, sequence);
        return devlink;
    }

    public INetlinkTransport OpenRoute() => Kernel;

    public INetlinkSubscription SubscribeToLinks() => throw new NotSupportedException();

    public INetlinkTransport OpenGeneric() => Kernel;

    public INetlinkSubscription SubscribeToGeneric(uint group, string operation) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
