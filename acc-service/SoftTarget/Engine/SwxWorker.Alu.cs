using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Rarely used operations, kept out of the interpreter's loop.</summary>
public sealed unsafe partial class SwxWorker
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Calculate(Instruction* pc, byte** structs)
    {
        var to = structs[pc->StructA] + pc->OffsetA;
        var a = FieldAccess.Load(to, pc->CodeA);
        var immediate = pc->Op >= Opcode.AddImmediate;
        var b = immediate ? pc->Immediate : FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB);
        var op = immediate ? pc->Op - Opcode.AddImmediate + Opcode.Add : pc->Op;
        // As on DPDK's processors, shift counts are modulo 64.
        FieldAccess.Store(to, pc->CodeA, op switch
        {
            Opcode.Add => a + b,
            Opcode.Subtract => a - b,
            Opcode.And => a & b,
            Opcode.Or => a | b,
            Opcode.Xor => a ^ b,
            Opcode.ShiftLeft => a << (int)b,
            _ => a >> (int)b,
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Compare(Instruction* pc, byte** structs)
    {
        var a = FieldAccess.Load(structs[pc->StructA] + pc->OffsetA, pc->CodeA);
        var immediate = pc->Op >= Opcode.JumpEqualImmediate;
        var b = immediate ? pc->Immediate : FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB);
        return (immediate ? pc->Op - Opcode.JumpEqualImmediate + Opcode.JumpEqual : pc->Op) switch
        {
            Opcode.JumpEqual => a == b,
            Opcode.JumpNotEqual => a != b,
            Opcode.JumpLess => a < b,
            _ => a > b,
        };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MoveHalf(Instruction* pc, byte** structs)
    {
        var to = structs[pc->StructA] + pc->OffsetA;
        var from = structs[pc->StructB] + pc->OffsetB;
        switch (pc->Op)
        {
            case Opcode.MoveLowHalf:
                FieldAccess.Store(to, pc->CodeA, Swap(((ulong*)from)[1]));
                break;
            case Opcode.MoveHighHalf:
                FieldAccess.Store(to, pc->CodeA, Swap(((ulong*)from)[0]));
                break;
            case Opcode.MoveToLowHalf:
                ((ulong*)to)[1] = Swap(FieldAccess.Load(from, pc->CodeB));
                ((ulong*)to)[0] = 0;
                break;
            default:
                ((ulong*)to)[0] = Swap(FieldAccess.Load(from, pc->CodeB));
                break;
        }
    }

    private static uint Hash(Instruction* pc, byte** structs)
    {
        var from = structs[pc->StructB] + pc->OffsetB;
        return pc->Op switch
        {
            Opcode.HashCrc32 => SwxHash.Crc32(from, pc->Extra),
            Opcode.HashJenkins => SwxHash.Jenkins(from, pc->Extra),
            _ => SwxHash.Toeplitz(from, pc->Extra),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong IndexOf(Instruction* pc, byte** structs)
        => pc->CodeA == FieldAccess.Constant ? (uint)pc->OffsetA : FieldAccess.Load(structs[pc->StructA] + pc->OffsetA, pc->CodeA);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong SourceOf(Instruction* pc, byte** structs)
        => pc->CodeB == FieldAccess.Constant ? pc->Immediate : FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB);

    private static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);

    private static uint Swap(uint value) => BinaryPrimitives.ReverseEndianness(value);

    private static ulong Swap(ulong value) => BinaryPrimitives.ReverseEndianness(value);
}
