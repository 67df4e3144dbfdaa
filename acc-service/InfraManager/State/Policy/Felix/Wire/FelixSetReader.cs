using System.Text;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>Reads the messages about IP sets. Members are read without a string for each: a set may have 100,000.</summary>
internal static class FelixSetReader
{
    private const int MaxIdLength = 256;
    private const int MaxShownLength = 64;

    public static FelixMessage Update(ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        var id = "";
        var kind = 0;
        var (known, unknown) = (new List<FelixMember>(), new List<string>());
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    id = reader.Text();
                    break;
                case 2:
                    Add(reader.Bytes(), known, unknown);
                    break;
                case 3:
                    kind = reader.Int();
                    break;
            }
        }

        if (reader.IsMalformed)
        {
            unknown.Add("(the rest of the message)");
        }

        if (!Enum.IsDefined((FelixSetKind)kind))
        {
            unknown.Add($"(type {kind})");
            kind = (int)FelixSetKind.Net;
        }

        return id.Length is 0 or > MaxIdLength
            ? Unreadable(ToDataplane.SetUpdate)
            : new FelixSetUpdate(id, (FelixSetKind)kind, new FelixMembers(known, unknown));
    }

    public static FelixMessage Delta(ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        var id = "";
        var (added, unknownAdded) = (new List<FelixMember>(), new List<string>());
        var (removed, unknownRemoved) = (new List<FelixMember>(), new List<string>());
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    id = reader.Text();
                    break;
                case 2:
                    Add(reader.Bytes(), added, unknownAdded);
                    break;
                case 3:
                    Add(reader.Bytes(), removed, unknownRemoved);
                    break;
            }
        }

        if (reader.IsMalformed)
        {
            unknownAdded.Add("(the rest of a change)");
        }

        return id.Length is 0 or > MaxIdLength
            ? Unreadable(ToDataplane.SetDelta)
            : new FelixSetDelta(id, new FelixMembers(added, unknownAdded), new FelixMembers(removed, unknownRemoved));
    }

    public static FelixMessage Remove(ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        var id = "";
        while (reader.MoveNext())
        {
            id = reader.Field == 1 ? reader.Text() : id;
        }

        return reader.IsMalformed || id.Length is 0 or > MaxIdLength ? Unreadable(ToDataplane.SetRemove) : new FelixSetRemove(id);
    }

    private static void Add(ReadOnlySpan<byte> text, List<FelixMember> known, List<string> unknown)
    {
        if (FelixMember.TryParse(text, out var member))
        {
            known.Add(member);
        }
        else
        {
            unknown.Add(Encoding.UTF8.GetString(text[..Math.Min(text.Length, MaxShownLength)]));
        }
    }

    private static FelixIgnored Unreadable(int field) => new(field, $"message {field} of Felix has no ID of an IP set that can be read");
}
