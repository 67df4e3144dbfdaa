namespace ACCOffload.Services.Tests.Survival;

/// <summary>The implementation that a scenario runs against.</summary>
public enum Side
{
    /// <summary>Linux conntrack, the reference.</summary>
    Kernel,

    /// <summary>The product.</summary>
    Pipeline,
}
