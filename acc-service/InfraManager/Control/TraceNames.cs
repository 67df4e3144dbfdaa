using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Target;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control;

/// <summary>Replaces the compiled names and raw bits of the soft target's trace with P4Info names and readable values.</summary>
internal static class TraceNames
{
    public static void Apply(TraceReply reply, Pipeline pipeline)
    {
        foreach (var step in reply.Steps)
        {
            if (step.Table.Length == 0)
            {
                step.Note = AddReason(step.Note);
                continue;
            }
            if (pipeline.Tables.FirstOrDefault(t => t.Alias == step.Table || t.Name == step.Table) is not { } table)
            {
                continue;
            }
            // Both lists have the order of the key in the P4 source.
            if (step.Key.Count == table.Fields.Count)
            {
                for (var i = 0; i < step.Key.Count; i++)
                {
                    step.Key[i].Name = table.Fields[i].Name;
                    step.Key[i].Value = Format(step.Key[i].Value, table.Fields[i].Format);
                }
            }
            if (table.Actions.FirstOrDefault(a => a.Alias == step.Action || a.Name == step.Action) is not { } action)
            {
                continue;
            }

            foreach (var value in step.Params)
            {
                if (action.Params.FirstOrDefault(p => p.Name == value.Name) is { } parameter)
                {
                    value.Value = Format(value.Value, parameter.Format);
                }
            }
        }
        reply.DropReason = DropReasons.Name(reply.DropReason);
    }

    /// <summary>Formats bits written by the soft target (0x…) for people. Other text is returned unchanged.</summary>
    internal static string Format(string bits, ValueFormat format)
    {
        if (!bits.StartsWith("0x", StringComparison.Ordinal) || bits.Length % 2 != 0)
        {
            return bits;
        }

        byte[] bytes;
        try
        {
            bytes = Convert.FromHexString(bits.AsSpan(2));
        }
        catch (FormatException)
        {
            return bits;
        }
        switch (format)
        {
            case ValueFormat.Mac when Narrow(bytes, MacAddress.Length) is { } mac:
                return new MacAddress(mac).ToString();
            case ValueFormat.Address when bytes.Length == 16 || Narrow(bytes, 4) is not null:
                return new IPAddress(bytes.Length == 16 ? bytes : Narrow(bytes, 4)!).ToString();
            case ValueFormat.Number when bytes.Length <= 8:
                return bytes.Aggregate(0ul, (sum, b) => (sum << 8) | b).ToString(CultureInfo.InvariantCulture);
            default:
                return bits;
        }
    }

    /// <summary>The low-order bytes if the others are zero (parameters are widened to whole words); otherwise null.</summary>
    private static byte[]? Narrow(byte[] bytes, int length)
    {
        if (bytes.Length < length || bytes.AsSpan(0, bytes.Length - length).IndexOfAnyExcept((byte)0) >= 0)
        {
            return null;
        }

        return bytes[^length..];
    }

    /// <summary>Adds the reason to "count drops_0[3]"; the compiled name of a counter has a numeric suffix.</summary>
    private static string AddReason(string note)
    {
        const string Count = "count ";
        if (!note.StartsWith(Count, StringComparison.Ordinal))
        {
            return note;
        }

        var cell = note[Count.Length..];
        var number = cell.LastIndexOf('_');
        var bracket = cell.IndexOf('[', StringComparison.Ordinal);
        if (number < 0 || bracket < number)
        {
            return note;
        }

        var named = cell[..number] + cell[bracket..];
        var reason = DropReasons.Name(named);
        return reason == named ? note : $"{Count}{named} {reason}";
    }
}
