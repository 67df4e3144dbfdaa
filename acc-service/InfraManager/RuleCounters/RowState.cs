namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>A row of <c>verdicts</c> as of the last reading: 40 bytes for each row of the target.</summary>
internal struct RowState
{
    /// <summary>The number of the rule that decides.</summary>
    public uint Rule;

    /// <summary>The number of the staged rule that would drop what the row allows; 0 for none.</summary>
    public uint WouldDrop;

    public bool IsAllowed;

    /// <summary>What the target's counter said.</summary>
    public long Packets;

    /// <summary>What was counted while the row had this rule, since inframanager started.</summary>
    public long Counted;

    /// <summary>The reading.</summary>
    public long Reading;
}
