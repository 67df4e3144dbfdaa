namespace ACCOffload.Sandbox.Tests.Units;

internal enum TargetKind
{
    /// <summary>The soft target in inframanager, with the drop-in for it.</summary>
    Embedded,

    /// <summary>A target as infrap4d is one: a unit of its own, over TLS.</summary>
    External,
}
