using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Operations of the interpreter. Widths in the names are in bits.</summary>
internal enum Opcode : ushort
{
    Nop,

    /// <summary>Target of a backward jump: counts against the packet's jump budget.</summary>
    Guard,
    Rx,
    Tx,
    TxImmediate,
    Drop,
    Mirror,
    Recirculate,
    PassId,
    Extract,
    ExtractVariable,
    Lookahead,
    Emit,
    Validate,
    Invalidate,

    // Moves between fields of equal width in the same byte order (Move) or in opposite order (Swap), and of prepared constants (Set).
    Move8,
    Move16,
    Move32,
    Move48,
    Move64,
    Swap16,
    Swap32,
    Swap48,
    Swap64,
    Set8,
    Set16,
    Set32,
    Set48,
    Set64,
    Move,
    Set,
    MoveBytes,
    MoveLowHalf,
    MoveToLowHalf,
    MoveHighHalf,
    MoveToHighHalf,
    Add,
    Subtract,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    AddImmediate,
    SubtractImmediate,
    AndImmediate,
    OrImmediate,
    XorImmediate,
    ShiftLeftImmediate,
    ShiftRightImmediate,
    ChecksumAddField,
    ChecksumSubtractField,
    ChecksumAddHeader,
    RegisterRead,
    RegisterWrite,
    RegisterAdd,
    Meter,
    Table,
    Selector,
    Learner,
    Learn,
    Rearm,
    RearmNew,
    Forget,
    EntryId,
    HashCrc32,
    HashJenkins,
    HashToeplitz,
    Jump,
    JumpValid,
    JumpInvalid,
    JumpHit,
    JumpMiss,
    JumpAction,
    JumpNotAction,
    JumpEqual,
    JumpNotEqual,
    JumpLess,
    JumpGreater,

    // The constant is prepared in the field's own byte order.
    JumpEqual8,
    JumpEqual16,
    JumpEqual32,
    JumpNotEqual8,
    JumpNotEqual16,
    JumpNotEqual32,
    JumpEqualImmediate,
    JumpNotEqualImmediate,
    JumpLessImmediate,
    JumpGreaterImmediate,
    Return,

    /// <summary>Execution ran past the end of the program.</summary>
    Fault,
}

/// <summary>
/// One instruction, 40 bytes. A field is a structure (0: action data, 1: metadata, 2 and up: headers), an offset in it
/// and a <see cref="FieldAccess"/> code.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Instruction
{
    public Opcode Op;
    public byte CodeA;
    public byte CodeB;
    public ushort StructA;
    public ushort StructB;
    public int OffsetA;
    public int OffsetB;

    /// <summary>Index of the target instruction of a jump.</summary>
    public int Target;

    /// <summary>Index of a header, table, action or array, depending on the opcode.</summary>
    public int Index;
    public int Extra;
    public ulong Immediate;
}
