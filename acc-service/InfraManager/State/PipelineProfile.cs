namespace ACCOffload.InfraManager.State;

/// <summary>Which pipeline the target runs, and so what the model compiles to.</summary>
internal enum PipelineProfile
{
    /// <summary>Our own, which is pushed to the target.</summary>
    K8sDp,

    /// <summary>The k8s_dp package that release 24.01 ships for the E2100. The target has it loaded, unless Pipeline:Package names it.</summary>
    Es2k2401,

    /// <summary>The k8s_dp package of release 24.01 for P4-DPDK. The target has it loaded, unless Pipeline:Package names it.</summary>
    Dpdk2401,
}
