namespace ACCOffload.InfraManager.Felix;

/// <summary>How far Felix's policy is in force.</summary>
internal enum FelixState
{
    /// <summary>Nobody is connected. What was in force stays so.</summary>
    NoFelix,

    /// <summary>Felix has not sent everything yet. What was in force stays so.</summary>
    NotInSync,

    /// <summary>All that Felix has sent is in force.</summary>
    InSync,

    /// <summary>Felix has sent more than what is in force.</summary>
    Behind,
}
