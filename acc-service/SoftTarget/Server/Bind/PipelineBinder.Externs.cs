using System.Globalization;
using ACCOffload.SoftTarget.Engine;
using P4.Config.V1;

namespace ACCOffload.SoftTarget.Server.Bind;

internal sealed partial class PipelineBinder
{
    private SwxTable MemberTable(BoundProfile profile) => _program.Tables[profile.MemberTable];

    private BoundProfile BindProfile(ActionProfile profile)
    {
        var name = NameOf(profile.Preamble);
        var user = _info.Tables.FirstOrDefault(t => t.ImplementationId == profile.Preamble?.Id)
            ?? throw new PipelineException($"action profile {name} implements no table of p4info");
        var context = _names.Table(user.Preamble ?? throw new PipelineException("p4info: a table has no preamble"));
        var members = Find(
            context?.ActionDataTableRefs.Select(r => SpecNames.Last(r.Name)), SpecNames.ForPreamble(profile.Preamble), _program.FindTable)
            ?? throw new PipelineException($"action profile {name}: its member table is not in the .spec");
        if (members.KeyBytes != sizeof(uint) || members.Kind != SwxMatchKind.Exact)
        {
            throw new PipelineException($"action profile {name}: table {members.Name} of the .spec is not keyed on a 32-bit member id");
        }

        SwxSelector? selector = null;
        if (profile.WithSelector)
        {
            selector = Find(
                context?.SelectionTableRefs.Select(r => SpecNames.Last(r.Name)),
                SpecNames.ForPreamble(profile.Preamble).Select(n => n + "_sel"),
                _program.FindSelector)
                ?? throw new PipelineException($"action profile {name}: its selector is not in the .spec");
        }

        return new BoundProfile
        {
            Id = profile.Preamble.Id,
            Name = name,
            MemberTable = members.Index,
            Selector = selector?.Index ?? -1,
            GroupsMax = selector?.GroupsMax ?? 0,
            MembersMax = selector?.MembersMax ?? 0,
            MaxGroupSize = profile.MaxGroupSize,
            Actions = BindActions(user, name, context, members.Actions),
        };
    }

    private static T? Find<T>(IEnumerable<string>? first, IEnumerable<string> then, Func<string, T?> find)
        where T : class
        => (first ?? []).Concat(then).Select(find).FirstOrDefault(found => found is not null);

    private BoundCounter BindCounter(Preamble? preamble, CounterSpec? spec, long size)
    {
        if (preamble is null)
        {
            throw new PipelineException("p4info: a counter has no preamble");
        }

        var name = NameOf(preamble);
        var unit = spec?.Unit ?? CounterSpec.Types.Unit.Both;
        foreach (var candidate in _names.ForExtern(preamble))
        {
            var one = _program.FindRegisterArray(candidate);
            var packets = _program.FindRegisterArray(candidate + "_packets");
            var bytes = _program.FindRegisterArray(candidate + "_bytes");
            switch (unit)
            {
                case CounterSpec.Types.Unit.Packets when (one ?? packets) is { } array:
                    return Counter(array, null);
                case CounterSpec.Types.Unit.Bytes when (one ?? bytes) is { } array:
                    return Counter(null, array);
                case CounterSpec.Types.Unit.Both when packets is not null && bytes is not null:
                    return Counter(packets, bytes);
            }
        }

        throw new PipelineException($"counter {name} ({unit}) is in p4info but has no register arrays in the .spec");

        BoundCounter Counter(SwxRegisterArray? packets, SwxRegisterArray? bytes)
        {
            foreach (var array in new[] { packets, bytes })
            {
                if (array is not null && array.Size < size)
                {
                    throw new PipelineException($"counter {name} has {size} cells in p4info and {array.Size} in the .spec");
                }
            }

            return new BoundCounter(
                preamble.Id, name, size, packets?.Index ?? BoundCounter.None, bytes?.Index ?? BoundCounter.None);
        }
    }

    // The annotation @truncated_frames(INDEX) on a packet counter.
    private (int Array, long Index)? FindTruncatedCell()
    {
        const string Begin = "@truncated_frames(";
        foreach (var counter in _info.Counters)
        {
            if (counter.Preamble.Annotations.FirstOrDefault(a => a.StartsWith(Begin, StringComparison.Ordinal)) is not { } annotation)
            {
                continue;
            }

            var bound = _counters[counter.Preamble.Id];
            if (bound.Packets == BoundCounter.None || !long.TryParse(annotation.AsSpan(Begin.Length).TrimEnd(')'), NumberStyles.None,
                CultureInfo.InvariantCulture, out var index) || index >= bound.Size)
            {
                throw new PipelineException($"counter {bound.Name}: {annotation} does not refer to a cell that counts packets");
            }

            return (bound.Packets, index);
        }

        return null;
    }

    private void BindDirectCounter(DirectCounter counter)
    {
        var table = _tables.GetValueOrDefault(counter.DirectTableId)
            ?? throw new PipelineException($"direct counter {NameOf(counter.Preamble)}: table {counter.DirectTableId} is not in p4info");
        // A range is several of the engine's entries. Learned entries have no cell of their own.
        if (table.HasRange || table.IsLearner)
        {
            throw new PipelineException($"direct counter {NameOf(counter.Preamble)}: not supported on table {table.Name}, which "
                + (table.IsLearner ? "is filled by the data plane" : "has a range field"));
        }

        table.DirectCounter = BindCounter(counter.Preamble, counter.Spec, 0);
    }

    private BoundRegister BindRegister(Register register)
    {
        if (register.Preamble is null)
        {
            throw new PipelineException("p4info: a register has no preamble");
        }

        var name = NameOf(register.Preamble);
        var bits = register.TypeSpec?.Bitstring?.Bit?.Bitwidth ?? 0;
        if (bits is <= 0 or > 64)
        {
            throw new PipelineException($"register {name}: only bit strings of up to 64 bits are supported");
        }

        var array = _names.ForExtern(register.Preamble).Select(_program.FindRegisterArray).FirstOrDefault(a => a is not null)
            ?? throw new PipelineException($"register {name} is in p4info but not in the .spec");
        return array.Size >= register.Size
            ? new BoundRegister(register.Preamble.Id, name, register.Size, array.Index, bits)
            : throw new PipelineException($"register {name} has {register.Size} cells in p4info and {array.Size} in the .spec");
    }
}
