namespace ACCOffload.InfraManager.Instruments;

/// <summary>What an attachment's time goes into, one after the other.</summary>
internal enum AttachPhase
{
    /// <summary>Until the programmer takes it.</summary>
    Queue,

    /// <summary>Judged, and made durable with its batch.</summary>
    Commit,

    /// <summary>Port and rows on the target.</summary>
    Program,
}
