namespace ACCOffload.Faithful;

/// <summary>
/// What was seen of a real infrap4d on P4-DPDK, one switch for each behaviour, all on. Off is what a target does that has no such limit, so that
/// a test can show which behaviour the product's answer is for. The numbers are those of the list of what was seen.
/// </summary>
public sealed record FaithfulBehaviours
{
    /// <summary>Everything off: a target without surprises.</summary>
    public static FaithfulBehaviours None { get; } = new()
    {
        ParsesDeviceConfig = false,
        DiesOfBlankCompileCommand = false,
        KnowsOnlyConfiguredPorts = false,
        MakesTapAtPortType = false,
        ReadsMtuAsIntOnly = false,
        LinkNeedsPciBdf = false,
        RefusesRepeatedSets = false,
        RefusesPortDeletes = false,
        RefusesPortWildcards = false,
        NumbersAbsentPortsZero = false,
        FirstPortIsZero = false,
        RefusesPortsAfterPush = false,
        NeedsPowerOfTwoPorts = false,
        RefusesSecondPush = false,
        DiesOfReadAfterSecondPush = false,
        IgnoresModify = false,
        RefusesNestedDeletes = false,
        RefusesCounterWildcards = false,
        RefusesPacketOnlyRowCounters = false,
        CountsFirstTableOnly = false,
        RefusesRowCounterWildcards = false,
        RefusesGroupWildcards = false,
        RefusesUsedMemberDeletes = false,
        FailsReadsOfAbsentRows = false,
        ConfusesDoubleWithFull = false,
        HidesLearnerTables = false,
        CommitsEachEntry = false,
        RefusesRollback = false,
        ForgetsOnRestart = false,
        RefusesGetWithoutPipeline = false,
        ReportsMacroNameAsVersion = false,
        RefusesZeroIds = false,
        ChecksPrimary = false,
    };

    /// <summary>1: the device config must be a <c>tdi.PipelineConfig</c> with a context JSON. Off: anything is taken.</summary>
    public bool ParsesDeviceConfig { get; init; } = true;

    /// <summary>2: a context JSON whose <c>compile_command</c> has no <c>--arch</c> kills the process at the push.</summary>
    public bool DiesOfBlankCompileCommand { get; init; } = true;

    /// <summary>3: only the ports of the chassis configuration exist. Off: any name is one.</summary>
    public bool KnowsOnlyConfiguredPorts { get; init; } = true;

    /// <summary>4: a TAP is made as soon as <c>port-type</c> arrives, even if the Set then fails. Off: a Set is all or nothing.</summary>
    public bool MakesTapAtPortType { get; init; } = true;

    /// <summary>4: an <c>mtu</c> that is not <c>int_val</c> is read as 0.</summary>
    public bool ReadsMtuAsIntOnly { get; init; } = true;

    /// <summary>4: a LINK without <c>pci-bdf</c> is answered with OK and not made.</summary>
    public bool LinkNeedsPciBdf { get; init; } = true;

    /// <summary>4: a Set of what was set already is refused. Off: it succeeds and changes nothing.</summary>
    public bool RefusesRepeatedSets { get; init; } = true;

    /// <summary>4: ports can't be deleted.</summary>
    public bool RefusesPortDeletes { get; init; } = true;

    /// <summary>4: <c>name=*</c> is unsupported. Off: a Get answers for all ports that were made.</summary>
    public bool RefusesPortWildcards { get; init; } = true;

    /// <summary>5: <c>tdi-portin-id</c> of a port that was never made is 0. Off: NOT_FOUND.</summary>
    public bool NumbersAbsentPortsZero { get; init; } = true;

    /// <summary>5: the first port made has number 0. Off: 1.</summary>
    public bool FirstPortIsZero { get; init; } = true;

    /// <summary>6: no port can be made once a pipeline was accepted.</summary>
    public bool RefusesPortsAfterPush { get; init; } = true;

    /// <summary>7: a push fails unless the number of ports is a power of two.</summary>
    public bool NeedsPowerOfTwoPorts { get; init; } = true;

    /// <summary>8: a push over an accepted pipeline fails. Off: it replaces the pipeline and empties the tables.</summary>
    public bool RefusesSecondPush { get; init; } = true;

    /// <summary>8: the Read after a second push kills the process.</summary>
    public bool DiesOfReadAfterSecondPush { get; init; } = true;

    /// <summary>9: MODIFY of a row, or of a member of an action profile, answers OK and changes nothing.</summary>
    public bool IgnoresModify { get; init; } = true;

    /// <summary>10: a row can't be deleted where the last part of the table's P4 name is not its target name.</summary>
    public bool RefusesNestedDeletes { get; init; } = true;

    /// <summary>11: indirect counters can only be read by index.</summary>
    public bool RefusesCounterWildcards { get; init; } = true;

    /// <summary>12: direct counters of packets alone can't be read.</summary>
    public bool RefusesPacketOnlyRowCounters { get; init; } = true;

    /// <summary>12: direct counters can be read of the first table only.</summary>
    public bool CountsFirstTableOnly { get; init; } = true;

    /// <summary>12: a DirectCounterEntry with a table and no key can't be read.</summary>
    public bool RefusesRowCounterWildcards { get; init; } = true;

    /// <summary>13: groups can only be read by id, and one that is not there is NOT_FOUND.</summary>
    public bool RefusesGroupWildcards { get; init; } = true;

    /// <summary>
    /// 13: a member can't be deleted once a group that had it was modified: MODIFY counts the new members and forgets the old ones. Off: only while it is in one.
    /// </summary>
    public bool RefusesUsedMemberDeletes { get; init; } = true;

    /// <summary>13: INSERT of a member or group that is there is RESOURCE_EXHAUSTED. Off: ALREADY_EXISTS.</summary>
    public bool ConfusesDoubleWithFull { get; init; } = true;

    /// <summary>13: a Read of a row by its key is NOT_FOUND where the row is not there, and fails the Read after what was found. Off: it is left out.</summary>
    public bool FailsReadsOfAbsentRows { get; init; } = true;

    /// <summary>14: learner tables read as empty and take no row.</summary>
    public bool HidesLearnerTables { get; init; } = true;

    /// <summary>15: each update of a Write shows as soon as it is done. Off: all of them at once.</summary>
    public bool CommitsEachEntry { get; init; } = true;

    /// <summary>15: a Write with ROLLBACK_ON_ERROR is refused.</summary>
    public bool RefusesRollback { get; init; } = true;

    /// <summary>16: a restarted target has no pipeline, no rows and no ports.</summary>
    public bool ForgetsOnRestart { get; init; } = true;

    /// <summary>17: GetForwardingPipelineConfig without a pipeline fails. Off: the answer is empty.</summary>
    public bool RefusesGetWithoutPipeline { get; init; } = true;

    /// <summary>17: Capabilities says "P4RUNTIME_VER".</summary>
    public bool ReportsMacroNameAsVersion { get; init; } = true;

    /// <summary>18: device id 0 and election id 0 are refused.</summary>
    public bool RefusesZeroIds { get; init; } = true;

    /// <summary>18: only the primary may write and push.</summary>
    public bool ChecksPrimary { get; init; } = true;
}
