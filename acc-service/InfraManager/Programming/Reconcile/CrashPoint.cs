namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The instants between which a batch changes something outside memory. Tests stop the process at each of them.</summary>
internal enum CrashPoint
{
    AfterAdmission,
    AfterCommit,
    AfterPorts,
    BeforeWrite,
    AfterWrite,
    AfterWrites,
    BeforeCompensation,
    AfterCompensation,
    AfterPortRemoval,
    BeforeComplete,
    AfterComplete,
    ReconcilePorts,
    ReconcilePipeline,
    ReconcileRead,
    ReconcileWritten,
    BeforeDebtCommit,
}

/// <summary>
/// Thrown by a test's hook: the programmer stops where it is, as if the process had died. Nobody is answered, nothing is cleaned up.
/// </summary>
internal sealed class SimulatedCrashException : Exception;
