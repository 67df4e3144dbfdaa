namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>What a rule that matches does. Also a tier's default action, where only Allow, Deny and Pass have a meaning.</summary>
internal enum PolicyAction
{
    /// <summary>An action that this version does not know: fails closed, as Deny.</summary>
    Unknown = 0,

    Allow = 1,
    Deny = 2,

    /// <summary>Leaves the tier; the next one decides.</summary>
    Pass = 3,

    /// <summary>Marks the packet; the next rule decides.</summary>
    Log = 4,
}
