namespace ACCOffload.Services.Tests.Survival;

/// <summary>Whose connection tracking a scenario is run against.</summary>
public enum Side
{
    /// <summary>Linux's, which is the reference.</summary>
    Kernel,

    /// <summary>The product's.</summary>
    Pipeline,
}
