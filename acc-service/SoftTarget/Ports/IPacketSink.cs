namespace ACCOffload.SoftTarget.Ports;

/// <summary>Takes packets for the controller.</summary>
internal interface IPacketSink
{
    /// <summary>Called on the data-plane thread; the frame is only valid during the call.</summary>
    void ToController(ReadOnlySpan<byte> frame);
}
