namespace ACCOffload.Services.Tests.Faults;

/// <summary>What of the cluster differs between two states of policy.</summary>
public enum PolicyForm
{
    /// <summary>A rule of a policy.</summary>
    Rule,

    /// <summary>The labels of the pods that a policy allows.</summary>
    Labels,

    /// <summary>Which policy there is.</summary>
    Objects,
}
