using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

public sealed unsafe partial class SwxWorker
{
    /// <summary>The interpreter: a single loop, so that its state stays in registers.</summary>
    private SwxVerdict Run<TMode>(byte* buffer, ref int offset, ref int length, uint inputPort, out uint outputPort)
        where TMode : struct
    {
        var structs = _structs;
        var code = _code;
        var lengths = _headerLengths;
        var runs = _runs;
        var tables = _set!.HotTables;
        var registers = _pipeline.Registers;
        var metadata = _cleared;
        var start = buffer + offset;
        var end = start + length;
        var ptr = start;
        ref var lookups = ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(Counters.LookupCounts);
        var loss = Loss.None;
        var verdict = SwxVerdict.Drop;
        var pass = 0;
        outputPort = 0;

        Unsafe.InitBlockUnaligned(_cleared, 0, (uint)_clearedBytes);
    NextPass:
        Unsafe.CopyBlockUnaligned(structs, _initialStructs, (uint)((Operand.FirstHeader + _headerCount) * sizeof(byte*)));
        Unsafe.CopyBlockUnaligned(lengths, _initialLengths, (uint)(_headerCount * sizeof(int)));
        ptr = start;
        ulong valid = 0;
        ulong mirrored = 0;
        var runCount = 0;
        var jumps = _pipeline.Options.MaxJumps;
        var recirculate = false;
        var hit = false;
        var action = -1;
        var learner = -1;
        TableHot* table = null;
        byte* entry = null;
        ulong entryNumber = 0;
        Instruction* ret = null;
        var pc = code;
        while (true)
        {
            byte* a;
            switch (pc->Op)
            {
                case Opcode.Nop:
                    break;
                case Opcode.Guard:
                    if (--jumps >= 0)
                    {
                        break;
                    }

                    loss = Loss.Endless;
                    goto Lost;
                case Opcode.Rx:
                    if (pass == 0)
                    {
                        FieldAccess.Store(metadata + pc->OffsetA, pc->CodeA, inputPort);
                    }

                    break;
                case Opcode.Tx:
                    outputPort = (uint)FieldAccess.Load(metadata + pc->OffsetA, pc->CodeA);
                    goto Transmit;
                case Opcode.TxImmediate:
                    outputPort = (uint)pc->Immediate;
                    goto Transmit;
                case Opcode.Drop:
                    goto Drop;
                case Opcode.Mirror:
                    {
                        var slot = (int)FieldAccess.Load(structs[pc->StructA] + pc->OffsetA, pc->CodeA) & (
                            _pipeline.Options.MirrorSlots - 1);
                        _slots[slot] = (int)FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB) & (
                            _pipeline.Options.MirrorSessions - 1);
                        mirrored |= 1UL << slot;
                        if (typeof(TMode) == typeof(Traced))
                        {
                            Note("mirror", "", (ulong)_slots[slot], $"mirrored to session {_slots[slot]}");
                        }

                        break;
                    }
                case Opcode.Recirculate:
                    recirculate = true;
                    break;
                case Opcode.PassId:
                    FieldAccess.Store(metadata + pc->OffsetA, pc->CodeA, (ulong)pass);
                    break;
                case Opcode.Extract:
                    if (end - ptr < pc->Extra)
                    {
                        goto Truncated;
                    }

                    structs[Operand.FirstHeader + pc->Index] = ptr;
                    valid |= 1UL << pc->Index;
                    ptr += pc->Extra;
                    if (typeof(TMode) == typeof(Traced))
                    {
                        NoteHeader("extract", pc->Index, pc->Extra);
                    }

                    break;
                case Opcode.ExtractVariable:
                    {
                        var bytes = (uint)FieldAccess.Load(metadata + pc->OffsetA, pc->CodeA) + (ulong)pc->Extra;
                        if ((ulong)(end - ptr) < bytes)
                        {
                            goto Truncated;
                        }

                        structs[Operand.FirstHeader + pc->Index] = ptr;
                        lengths[pc->Index] = (int)bytes;
                        valid |= 1UL << pc->Index;
                        ptr += bytes;
                        if (typeof(TMode) == typeof(Traced))
                        {
                            NoteHeader("extract", pc->Index, (int)bytes);
                        }

                        break;
                    }
                case Opcode.Lookahead:
                    if (end - ptr < pc->Extra)
                    {
                        goto Truncated;
                    }

                    structs[Operand.FirstHeader + pc->Index] = ptr;
                    valid |= 1UL << pc->Index;
                    break;
                case Opcode.Emit:
                    if ((valid & (1UL << pc->Index)) == 0)
                    {
                        break;
                    }

                    if (!Emit(runs, ref runCount, _maxRuns, structs[Operand.FirstHeader + pc->Index], lengths[pc->Index]))
                    {
                        goto Fault;
                    }

                    if (typeof(TMode) == typeof(Traced))
                    {
                        NoteHeader("emit", pc->Index, lengths[pc->Index]);
                    }

                    break;
                case Opcode.Validate:
                    // A valid header stays in place.
                    if ((valid & (1UL << pc->Index)) == 0)
                    {
                        structs[Operand.FirstHeader + pc->Index] = _initialStructs[Operand.FirstHeader + pc->Index];
                        lengths[pc->Index] = pc->Extra;
                        valid |= 1UL << pc->Index;
                    }
                    break;
                case Opcode.Invalidate:
                    valid &= ~(1UL << pc->Index);
                    break;
                case Opcode.Move8:
                    *(structs[pc->StructA] + pc->OffsetA) = *(structs[pc->StructB] + pc->OffsetB);
                    break;
                case Opcode.Move16:
                    *(ushort*)(structs[pc->StructA] + pc->OffsetA) = *(ushort*)(structs[pc->StructB] + pc->OffsetB);
                    break;
                case Opcode.Move32:
                    *(uint*)(structs[pc->StructA] + pc->OffsetA) = *(uint*)(structs[pc->StructB] + pc->OffsetB);
                    break;
                case Opcode.Move48:
                    {
                        var from = structs[pc->StructB] + pc->OffsetB;
                        var low = *(uint*)from;
                        var high = *(ushort*)(from + 4);
                        a = structs[pc->StructA] + pc->OffsetA;
                        *(uint*)a = low;
                        *(ushort*)(a + 4) = high;
                        break;
                    }
                case Opcode.Move64:
                    *(ulong*)(structs[pc->StructA] + pc->OffsetA) = *(ulong*)(structs[pc->StructB] + pc->OffsetB);
                    break;
                case Opcode.Swap16:
                    *(ushort*)(structs[pc->StructA] + pc->OffsetA) = Swap(*(ushort*)(structs[pc->StructB] + pc->OffsetB));
                    break;
                case Opcode.Swap32:
                    *(uint*)(structs[pc->StructA] + pc->OffsetA) = Swap(*(uint*)(structs[pc->StructB] + pc->OffsetB));
                    break;
                case Opcode.Swap48:
                    {
                        var from = structs[pc->StructB] + pc->OffsetB;
                        var low = Swap(*(ushort*)(from + 4));
                        var high = Swap(*(uint*)from);
                        a = structs[pc->StructA] + pc->OffsetA;
                        *(ushort*)a = low;
                        *(uint*)(a + 2) = high;
                        break;
                    }
                case Opcode.Swap64:
                    *(ulong*)(structs[pc->StructA] + pc->OffsetA) = Swap(*(ulong*)(structs[pc->StructB] + pc->OffsetB));
                    break;
                case Opcode.Set8:
                    *(structs[pc->StructA] + pc->OffsetA) = (byte)pc->Immediate;
                    break;
                case Opcode.Set16:
                    *(ushort*)(structs[pc->StructA] + pc->OffsetA) = (ushort)pc->Immediate;
                    break;
                case Opcode.Set32:
                    *(uint*)(structs[pc->StructA] + pc->OffsetA) = (uint)pc->Immediate;
                    break;
                case Opcode.Set48:
                    a = structs[pc->StructA] + pc->OffsetA;
                    *(uint*)a = (uint)pc->Immediate;
                    *(ushort*)(a + 4) = (ushort)(pc->Immediate >> 32);
                    break;
                case Opcode.Set64:
                    *(ulong*)(structs[pc->StructA] + pc->OffsetA) = pc->Immediate;
                    break;
                case Opcode.Move:
                    FieldAccess.Store(
                        structs[pc->StructA] + pc->OffsetA, pc->CodeA, FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB));
                    break;
                case Opcode.Set:
                    FieldAccess.Store(structs[pc->StructA] + pc->OffsetA, pc->CodeA, pc->Immediate);
                    break;
                case Opcode.MoveBytes:
                    Buffer.MemoryCopy(structs[pc->StructB] + pc->OffsetB, structs[pc->StructA] + pc->OffsetA, pc->Extra, pc->Extra);
                    break;
                case >= Opcode.MoveLowHalf and <= Opcode.MoveToHighHalf:
                    MoveHalf(pc, structs);
                    break;
                case >= Opcode.Add and <= Opcode.ShiftRightImmediate:
                    Calculate(pc, structs);
                    break;
                case Opcode.ChecksumAddField:
                    a = structs[pc->StructA] + pc->OffsetA;
                    *(ushort*)a = InternetChecksum.Add(*(ushort*)a, FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB));
                    break;
                case Opcode.ChecksumSubtractField:
                    a = structs[pc->StructA] + pc->OffsetA;
                    *(ushort*)a = InternetChecksum.Subtract(*(ushort*)a, FieldAccess.Load(structs[pc->StructB] + pc->OffsetB, pc->CodeB));
                    break;
                case Opcode.ChecksumAddHeader:
                    a = structs[pc->StructA] + pc->OffsetA;
                    *(ushort*)a = InternetChecksum.AddHeader(*(ushort*)a, structs[pc->StructB], lengths[pc->Index]);
                    break;
                case Opcode.RegisterRead:
                    {
                        var array = registers + pc->Index;
                        var value = (ulong)Volatile.Read(ref array->Cells[IndexOf(pc, structs) & array->Mask]);
                        FieldAccess.Store(structs[pc->StructB] + pc->OffsetB, pc->CodeB, value);
                        break;
                    }
                case Opcode.RegisterWrite:
                    {
                        var array = registers + pc->Index;
                        var at = IndexOf(pc, structs) & array->Mask;
                        if (typeof(TMode) == typeof(Traced))
                        {
                            NoteRegister("register-write", pc->Index, at);
                        }
                        else
                        {
                            Volatile.Write(ref array->Cells[at], (long)SourceOf(pc, structs));
                        }

                        break;
                    }
                case Opcode.RegisterAdd:
                    {
                        var array = registers + pc->Index;
                        var at = IndexOf(pc, structs) & array->Mask;
                        if (typeof(TMode) == typeof(Traced))
                        {
                            NoteRegister("count", pc->Index, at);
                        }
                        else
                        {
                            Interlocked.Add(ref array->Cells[at], (long)SourceOf(pc, structs));
                        }

                        break;
                    }
                case Opcode.Meter:
                    {
                        // The next instruction carries the colors.
                        var colors = pc + 1;
                        var color = _pipeline.Meters[pc->Index].Check(
                            IndexOf(pc, structs), (uint)SourceOf(pc, structs),
                            SourceOf(colors, structs), Now(), typeof(TMode) == typeof(Traced));
                        FieldAccess.Store(structs[colors->StructA] + colors->OffsetA, colors->CodeA, (ulong)color);
                        pc++;
                        break;
                    }
                case Opcode.Table:
                    table = tables + pc->Index;
                    entry = null;
                    if (!table->Empty)
                    {
                        KeyReader.Read(&table->Key, structs, _key);
                        entry = TableHot.Lookup(table, _key, _masked);
                    }
                    hit = entry != null;
                    if (hit)
                    {
                        action = *(ushort*)(entry + table->ActionOffset);
                        structs[Operand.ActionData] = entry + table->ActionOffset + TableHot.DataAfterAction;
                    }
                    else
                    {
                        action = table->DefaultAction;
                        structs[Operand.ActionData] = table->DefaultData;
                    }
                    if (typeof(TMode) == typeof(Traced))
                    {
                        NoteTable(pc->Index, hit, action);
                    }
                    else
                    {
                        Unsafe.Add(ref lookups, pc->Index * 2 + (hit ? 1 : 0))++;
                    }

                    ret = pc + 1;
                    pc = code + _actionEntries[action];
                    continue;
                case Opcode.Selector:
                    {
                        var selector = _set.HotSelectors + pc->Index;
                        var member = SelectorHot.Select(selector, structs, _masked, out var group);
                        FieldAccess.Store(metadata + selector->MemberOffset, selector->MemberCode, member);
                        if (typeof(TMode) == typeof(Traced))
                        {
                            NoteSelector(pc->Index, group, member);
                        }

                        break;
                    }
                case Opcode.Learner:
                    {
                        learner = pc->Index;
                        var store = _pipeline.Learners[learner];
                        KeyReader.Read(_pipeline.LearnerReaders + learner, structs, _learnerKey);
                        hit = store.Lookup(_learnerKey, Now(), _learnedData, out action, out var number);
                        table = null;
                        entry = null;
                        entryNumber = hit ? number + 1UL : 0;
                        structs[Operand.ActionData] = _learnedData;
                        if (!hit)
                        {
                            action = store.Learner.DefaultAction.Index;
                            store.Learner.DefaultActionData.Span.CopyTo(
                                new Span<byte>(_learnedData, store.Learner.DefaultActionData.Length));
                        }
                        if (typeof(TMode) == typeof(Traced))
                        {
                            NoteLearner(learner, hit, action);
                        }
                        else
                        {
                            Unsafe.Add(ref lookups, (_pipeline.Program.Tables.Count + learner) * 2 + (hit ? 1 : 0))++;
                        }

                        ret = pc + 1;
                        pc = code + _actionEntries[action];
                        continue;
                    }
                case Opcode.Learn:
                    {
                        if (learner < 0)
                        {
                            goto Fault;
                        }

                        var learned = _pipeline.Program.Actions[pc->Index];
                        if (typeof(TMode) == typeof(Traced))
                        {
                            Note("learn", _pipeline.Learners[learner].Learner.Name, 0, $"would learn {learned.Name}");
                            break;
                        }
                        ReadLearnedArguments(learned, metadata + pc->OffsetB);
                        if (!_pipeline.Learners[learner].Learn(
                                _learnerKey, learned.Index, _learnData, learned.DataBytes,
                                    (uint)FieldAccess.Load(metadata + pc->OffsetA, pc->CodeA), Now()))
                        {
                            Counters.NotLearned++;
                        }

                        break;
                    }
                case Opcode.Rearm or Opcode.RearmNew:
                    {
                        if (learner < 0)
                        {
                            goto Fault;
                        }

                        var timeout = pc->Op == Opcode.RearmNew ? (int)FieldAccess.Load(metadata + pc->OffsetA, pc->CodeA) & 0xFFFF : -1;
                        if (typeof(TMode) == typeof(Traced))
                        {
                            Note("rearm", _pipeline.Learners[learner].Learner.Name, (ulong)Math.Max(timeout, 0), "would rearm the entry");
                        }
                        else
                        {
                            _pipeline.Learners[learner].Rearm(_learnerKey, Now(), timeout);
                        }

                        break;
                    }
                case Opcode.Forget:
                    if (learner < 0)
                    {
                        goto Fault;
                    }

                    if (typeof(TMode) == typeof(Traced))
                    {
                        Note("forget", _pipeline.Learners[learner].Learner.Name, 0, "would forget the entry");
                    }
                    else
                    {
                        _pipeline.Learners[learner].Forget(_learnerKey, Now());
                    }

                    break;
                case Opcode.EntryId:
                    if (table != null)
                    {
                        entryNumber = entry == null ? 0 : (ulong)((entry - table->Entries) / table->Stride) + 1;
                    }

                    FieldAccess.Store(metadata + pc->OffsetA, pc->CodeA, entryNumber);
                    break;
                case >= Opcode.HashCrc32 and <= Opcode.HashToeplitz:
                    FieldAccess.Store(metadata + pc->OffsetA, pc->CodeA, Hash(pc, structs));
                    break;
                case Opcode.Jump:
                    goto Jump;
                case Opcode.JumpValid:
                    if ((valid & (1UL << pc->Index)) != 0)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpInvalid:
                    if ((valid & (1UL << pc->Index)) == 0)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpHit:
                    if (hit)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpMiss:
                    if (!hit)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpAction:
                    if (action == pc->Index)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpNotAction:
                    if (action != pc->Index)
                    {
                        goto Jump;
                    }

                    break;
                case >= Opcode.JumpEqual and <= Opcode.JumpGreater or >= Opcode.JumpEqualImmediate and <= Opcode.JumpGreaterImmediate:
                    if (Compare(pc, structs))
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpEqual8:
                    if (*(structs[pc->StructA] + pc->OffsetA) == (byte)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpEqual16:
                    if (*(ushort*)(structs[pc->StructA] + pc->OffsetA) == (ushort)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpEqual32:
                    if (*(uint*)(structs[pc->StructA] + pc->OffsetA) == (uint)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpNotEqual8:
                    if (*(structs[pc->StructA] + pc->OffsetA) != (byte)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpNotEqual16:
                    if (*(ushort*)(structs[pc->StructA] + pc->OffsetA) != (ushort)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.JumpNotEqual32:
                    if (*(uint*)(structs[pc->StructA] + pc->OffsetA) != (uint)pc->Immediate)
                    {
                        goto Jump;
                    }

                    break;
                case Opcode.Return:
                    pc = ret;
                    continue;
                default:
                    goto Fault;
            }
            pc++;
            continue;
        Jump:
            pc = code + pc->Target;
        }

    Transmit:
        loss = Assemble(buffer, ref start, ptr, runCount);
        if (loss != Loss.None)
        {
            goto Lost;
        }

        if (typeof(TMode) == typeof(Live) && mirrored != 0)
        {
            SendClones(start, end, mirrored);
        }

        if (!recirculate)
        {
            verdict = SwxVerdict.Transmit;
            goto Done;
        }
        outputPort = 0;
        if (++pass >= _pipeline.Options.MaxPasses)
        {
            loss = Loss.Endless;
            goto Lost;
        }
        if (typeof(TMode) == typeof(Traced))
        {
            Note("recirculate", "", (ulong)pass, $"recirculated, pass {pass}");
        }
        else
        {
            Counters.Recirculated++;
        }

        Unsafe.InitBlockUnaligned(_cleared + _metadataSpace, 0, (uint)(_clearedBytes - _metadataSpace));
        goto NextPass;

    Drop:
        // The frame is assembled only for its copies.
        if (mirrored != 0)
        {
            loss = Assemble(buffer, ref start, ptr, runCount);
            if (loss != Loss.None)
            {
                goto Lost;
            }

            if (typeof(TMode) == typeof(Live))
            {
                SendClones(start, end, mirrored);
            }
        }
        if (typeof(TMode) == typeof(Live))
        {
            Counters.Dropped++;
        }

        goto Done;

    Truncated:
        loss = Loss.Truncated;
        goto Lost;

    Fault:
        loss = Loss.Fault;

    Lost:
        if (typeof(TMode) == typeof(Traced))
        {
            NoteLoss(loss);
        }
        else
        {
            CountLoss(loss);
        }

    Done:
        if (typeof(TMode) == typeof(Traced))
        {
            NoteFate(verdict, loss, outputPort, (int)(end - start));
        }
        else
        {
            CountPacket(verdict);
        }

        offset = (int)(start - buffer);
        length = (int)(end - start);
        return verdict;
    }
}
