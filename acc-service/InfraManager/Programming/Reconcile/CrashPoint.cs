namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The points between steps that change something outside memory. Tests stop the process at each of them.</summary>
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
    BeforePendingCommit,
}

/// <summary>Thrown by a test hook: the programmer stops as if the process had died, without answering callers or cleaning up.</summary>
internal sealed class SimulatedCrashException : Exception;
