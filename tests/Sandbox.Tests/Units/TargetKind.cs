namespace ACCOffload.Sandbox.Tests.Units;

internal enum TargetKind
{
    /// <summary>The soft target in InfraManager, with its drop-in.</summary>
    Embedded,

    /// <summary>A target like infrap4d: a separate unit, connected over TLS.</summary>
    External,
}
