using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using CsCheck;

namespace ACCOffload.P4Runtime.TestKit;

/// <summary>Random entries of every table, with values of every width up to the field's.</summary>
internal static class GenEntry
{
    public static readonly Gen<Entry> Any = Gen.OneOf([.. TestPipeline.Instance.Tables.Select(Of)]);

    public static Gen<Entry> Of(TableSchema table) =>
        Gen.Int[0, int.MaxValue].Select(seed => Build(table, new Random(seed)));

    public static Entry Build(TableSchema table, Random random)
    {
        var builder = table.NewEntry();
        foreach (var field in table.Fields)
        {
            if (field.Kind != MatchKind.Exact && random.Next(4) == 0)
            {
                continue;
            }

            switch (field.Kind)
            {
                case MatchKind.Exact:
                    builder.Exact(field.Name, Value(field.BitWidth, random));
                    break;
                case MatchKind.Lpm:
                    builder.Lpm(field.Name, Value(field.BitWidth, random), random.Next(field.BitWidth + 1));
                    break;
                case MatchKind.Ternary:
                    builder.Ternary(field.Name, Value(field.BitWidth, random), Value(field.BitWidth, random));
                    break;
                case MatchKind.Optional:
                    builder.Optional(field.Name, Value(field.BitWidth, random));
                    break;
                case MatchKind.Range:
                    var a = (ulong)random.Next(65536);
                    builder.Range(field.Name, Math.Min(a, 30000), Math.Max(a, 30000));
                    break;
            }
        }

        if (table.NeedsPriority)
        {
            builder.Priority(random.Next(1, int.MaxValue));
        }

        if (table.HasActionProfile)
        {
            var id = (uint)random.Next(1, int.MaxValue);
            return (random.Next(2) == 0 ? builder.ProfileGroup(id) : builder.ProfileMember(id)).Build();
        }

        var usable = table.Actions.Where(a => !a.IsDefaultOnly).ToArray();
        var action = usable[random.Next(usable.Length)];
        builder.Action(action);
        foreach (var param in action.Params)
        {
            builder.Param(param.Name, Value(param.BitWidth, random));
        }

        return builder.Build();
    }

    private static byte[] Value(int bitWidth, Random random)
    {
        var bytes = new byte[(bitWidth + 7) / 8];
        random.NextBytes(bytes);
        var keep = random.Next(bitWidth + 1);
        for (var bit = keep; bit < bytes.Length * 8; bit++)
        {
            bytes[bytes.Length - 1 - (bit / 8)] &= (byte)~(1 << (bit % 8));
        }

        return bytes;
    }
}
