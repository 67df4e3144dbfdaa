namespace ACCOffload.FaithfulTarget;

/// <summary>
/// Observed behaviours of infrap4d on P4-DPDK, one switch each, all on by default. Off means that the target lacks the limitation, so that
/// a test can show which behaviour a product feature handles. The numbers refer to the table in README.md.
/// </summary>
public sealed record FaithfulBehaviours
{
    /// <summary>
    /// All behaviours off: a target that also accepts what the real one refuses, such as a Write of a controller that is not the primary.
    /// </summary>
    public static FaithfulBehaviours None { get; } = new()
    {
        ParsesDeviceConfig = false,
        CrashesOnBlankCompileCommand = false,
        KnowsOnlyConfiguredPorts = false,
        MakesTapAtPortType = false,
        ReadsMtuAsIntOnly = false,
        LinkNeedsPciBdf = false,
        RefusesRepeatedSets = false,
        RefusesPortDeletes = false,
        RefusesPortWildcards = false,
        ReportsAbsentPortsAsZero = false,
        FirstPortIsZero = false,
        RefusesPortsAfterPush = false,
        NeedsPowerOfTwoPorts = false,
        RefusesSecondPush = false,
        CrashesOnReadAfterSecondPush = false,
        IgnoresModify = false,
        RefusesNestedDeletes = false,
        RefusesCounterWildcards = false,
        RefusesPacketOnlyRowCounters = false,
        CountsFirstTableOnly = false,
        RefusesRowCounterWildcards = false,
        RefusesGroupWildcards = false,
        RefusesUsedMemberDeletes = false,
        FailsReadsOfAbsentRows = false,
        ReportsDuplicatesAsFull = false,
        HidesLearnerTables = false,
        CommitsEachEntry = false,
        RefusesRollback = false,
        ForgetsOnRestart = false,
        RefusesGetWithoutPipeline = false,
        ReportsMacroNameAsVersion = false,
        RefusesZeroIds = false,
        ChecksPrimary = false,
    };

    /// <summary>1: the device config must be a <c>tdi.PipelineConfig</c> with a context JSON. Off: anything is accepted.</summary>
    public bool ParsesDeviceConfig { get; init; } = true;

    /// <summary>2: a context JSON whose <c>compile_command</c> has no <c>--arch</c> crashes the process during the push.</summary>
    public bool CrashesOnBlankCompileCommand { get; init; } = true;

    /// <summary>3: only the ports of the chassis configuration exist. Off: any name is accepted.</summary>
    public bool KnowsOnlyConfiguredPorts { get; init; } = true;

    /// <summary>4: a TAP is created as soon as <c>port-type</c> arrives, even if the Set then fails. Off: a Set is atomic.</summary>
    public bool MakesTapAtPortType { get; init; } = true;

    /// <summary>4: an <c>mtu</c> that is not <c>int_val</c> is read as 0.</summary>
    public bool ReadsMtuAsIntOnly { get; init; } = true;

    /// <summary>4: a Set of a LINK without <c>pci-bdf</c> succeeds but does not create it.</summary>
    public bool LinkNeedsPciBdf { get; init; } = true;

    /// <summary>
    /// 4: setting an attribute again, or any attribute of a created port, is rejected. Off: it succeeds, but a created port is unchanged.
    /// </summary>
    public bool RefusesRepeatedSets { get; init; } = true;

    /// <summary>4: ports can't be deleted.</summary>
    public bool RefusesPortDeletes { get; init; } = true;

    /// <summary>4: <c>name=*</c> is unsupported. Off: a Get returns all created ports.</summary>
    public bool RefusesPortWildcards { get; init; } = true;

    /// <summary>5: <c>tdi-portin-id</c> of a port that was never created is 0. Off: NOT_FOUND.</summary>
    public bool ReportsAbsentPortsAsZero { get; init; } = true;

    /// <summary>5: the first port created has number 0. Off: 1.</summary>
    public bool FirstPortIsZero { get; init; } = true;

    /// <summary>6: no port can be created after a pipeline was accepted.</summary>
    public bool RefusesPortsAfterPush { get; init; } = true;

    /// <summary>7: a push fails unless the number of ports is a power of two.</summary>
    public bool NeedsPowerOfTwoPorts { get; init; } = true;

    /// <summary>8: a push over an accepted pipeline fails. Off: it replaces the pipeline and empties the tables.</summary>
    public bool RefusesSecondPush { get; init; } = true;

    /// <summary>8: the Read after a second push crashes the process.</summary>
    public bool CrashesOnReadAfterSecondPush { get; init; } = true;

    /// <summary>9: MODIFY of a row or an action profile member succeeds but changes nothing.</summary>
    public bool IgnoresModify { get; init; } = true;

    /// <summary>10: a row can't be deleted if the last part of the table's P4 name differs from its target name.</summary>
    public bool RefusesNestedDeletes { get; init; } = true;

    /// <summary>11: indirect counters and registers can only be read by index.</summary>
    public bool RefusesCounterWildcards { get; init; } = true;

    /// <summary>12: direct counters that count only packets can't be read.</summary>
    public bool RefusesPacketOnlyRowCounters { get; init; } = true;

    /// <summary>12: only the direct counters of the first table can be read.</summary>
    public bool CountsFirstTableOnly { get; init; } = true;

    /// <summary>12: a DirectCounterEntry with a table but no key can't be read.</summary>
    public bool RefusesRowCounterWildcards { get; init; } = true;

    /// <summary>13: groups can only be read by ID, and a missing one is NOT_FOUND.</summary>
    public bool RefusesGroupWildcards { get; init; } = true;

    /// <summary>
    /// 13: a member can't be deleted after a group that contained it was modified: MODIFY counts the new members but does not release
    /// the old ones. Off: it can't be deleted while it is in a group.
    /// </summary>
    public bool RefusesUsedMemberDeletes { get; init; } = true;

    /// <summary>13: INSERT of an existing member or group is RESOURCE_EXHAUSTED. Off: ALREADY_EXISTS.</summary>
    public bool ReportsDuplicatesAsFull { get; init; } = true;

    /// <summary>
    /// 13: reading a missing row by key is NOT_FOUND and fails the Read after the rows found. Off: the row is left out.
    /// </summary>
    public bool FailsReadsOfAbsentRows { get; init; } = true;

    /// <summary>14: learner tables read as empty and accept no rows.</summary>
    public bool HidesLearnerTables { get; init; } = true;

    /// <summary>15: each update of a Write takes effect as soon as it is done. Off: all at once.</summary>
    public bool CommitsEachEntry { get; init; } = true;

    /// <summary>15: a Write with ROLLBACK_ON_ERROR is rejected.</summary>
    public bool RefusesRollback { get; init; } = true;

    /// <summary>16: a restarted target has no pipeline, no rows and no ports.</summary>
    public bool ForgetsOnRestart { get; init; } = true;

    /// <summary>17: GetForwardingPipelineConfig without a pipeline fails. Off: the response is empty.</summary>
    public bool RefusesGetWithoutPipeline { get; init; } = true;

    /// <summary>17: Capabilities reports the version "P4RUNTIME_VER".</summary>
    public bool ReportsMacroNameAsVersion { get; init; } = true;

    /// <summary>18: device ID 0 and election ID 0 are rejected.</summary>
    public bool RefusesZeroIds { get; init; } = true;

    /// <summary>18: only the primary may write and push.</summary>
    public bool ChecksPrimary { get; init; } = true;
}
