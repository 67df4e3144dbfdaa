using System.Globalization;
using ACCOffload.P4Runtime;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control;

/// <summary>Turns what the target says of a packet's way into what people read: addresses, MACs, numbers, drop reasons.</summary>
internal static class TraceText
{
    public static TraceReply MakeReadable(TraceReply reply, Pipeline pipeline)
    {
        foreach (var step in reply.Steps)
        {
            var table = pipeline.Tables.FirstOrDefault(t => t.Alias == step.Table);
            foreach (var key in step.Key)
            {
                if (table?.Fields.FirstOrDefault(f => f.Name == key.Name) is { } field && Bytes(key.Value) is { } value)
                    key.Value = field.FormatValue(value);
            }

            var action = table?.Actions.FirstOrDefault(a => a.Alias == step.Action);
            foreach (var argument in step.Params)
            {
                if (action?.Params.FirstOrDefault(p => p.Name == argument.Name) is { } param && Bytes(argument.Value) is { } value)
                    argument.Value = new ParamValue(param, value).ToValueString();
            }
        }

        reply.DropReason = Reason(reply.DropReason);
        return reply;
    }

    /// <summary>NAME[INDEX] of a counter cell, as the reason that the index stands for where it has one.</summary>
    private static string Reason(string cell)
    {
        var bracket = cell.IndexOf('[', StringComparison.Ordinal);
        if (bracket < 0 || !cell.EndsWith(']') || !long.TryParse(cell.AsSpan(bracket + 1, cell.Length - bracket - 2), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            return cell;
        var label = DropReasons.Label(cell[(cell.LastIndexOf('.', bracket) + 1)..bracket], index);
        return label.Length == 0 ? cell : label;
    }

    private static byte[]? Bytes(string text)
    {
        try
        {
            return text.StartsWith("0x", StringComparison.Ordinal) ? Convert.FromHexString(text.AsSpan(2)) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
