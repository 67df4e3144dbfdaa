using ACCOffload.Fuzz.Tests.Engine;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>Generates WriteRequests from a pipeline's P4Info, with few keys so that they collide.</summary>
internal static class RequestMessages
{
    public static WriteRequest Write(Dice dice, P4Info info)
    {
        var request = new WriteRequest { DeviceId = 1, ElectionId = new Uint128 { Low = 1 } };
        for (var i = dice.Between(1, 3); i > 0; i--)
        {
            request.Updates.Add(new Update
            {
                Type = dice.Pick(UpdateType.Insert, UpdateType.Insert, UpdateType.Modify, UpdateType.Delete),
                Entity = dice.OneIn(6)
                    ? Member(dice, info)
                    : new Entity { TableEntry = Entry(dice, info, info.Tables[dice.Below(info.Tables.Count)]) },
            });
        }

        return request;
    }

    private static Entity Member(Dice dice, P4Info info)
    {
        if (info.ActionProfiles.Count == 0)
        {
            return new Entity();
        }

        var profile = info.ActionProfiles[dice.Below(info.ActionProfiles.Count)];
        var table = info.Tables.First(t => profile.TableIds.Contains(t.Preamble.Id));
        if (dice.OneIn(3))
        {
            var group = new ActionProfileGroup { ActionProfileId = profile.Preamble.Id, GroupId = (uint)dice.Between(1, 3) };
            for (var i = dice.Below(3); i > 0; i--)
            {
                group.Members.Add(new ActionProfileGroup.Types.Member { MemberId = (uint)dice.Between(1, 3), Weight = 1 });
            }

            return new Entity { ActionProfileGroup = group };
        }

        return new Entity
        {
            ActionProfileMember = new ActionProfileMember
            {
                ActionProfileId = profile.Preamble.Id,
                MemberId = (uint)dice.Between(1, 3),
                Action = Action(dice, info, table)
            }
        };
    }

    private static TableEntry Entry(Dice dice, P4Info info, Table table)
    {
        var entry = new TableEntry { TableId = table.Preamble.Id };
        foreach (var field in table.MatchFields)
        {
            var value = Value(dice, field.Bitwidth);
            var match = new FieldMatch { FieldId = field.Id };
            switch (field.MatchType)
            {
                case MatchType.Exact:
                    match.Exact = new FieldMatch.Types.Exact { Value = value };
                    break;
                case MatchType.Lpm:
                    match.Lpm = new FieldMatch.Types.LPM { Value = ByteString.CopyFrom(10, 0, 0, 0), PrefixLen = dice.Pick(7, 8) };
                    break;
                case MatchType.Ternary:
                    match.Ternary = new FieldMatch.Types.Ternary { Value = value, Mask = value };
                    break;
                case MatchType.Range:
                    match.Range = new FieldMatch.Types.Range
                    {
                        Low = ByteString.CopyFrom(1),
                        High = ByteString.CopyFrom((byte)dice.Between(1, 9))
                    };
                    break;
                default:
                    match.Optional = new FieldMatch.Types.Optional { Value = value };
                    break;
            }

            if (field.MatchType == MatchType.Exact || !dice.OneIn(4))
            {
                entry.Match.Add(match);
            }
        }

        if (table.MatchFields.Any(f => f.MatchType is MatchType.Ternary or MatchType.Range or MatchType.Optional))
        {
            entry.Priority = dice.Between(1, 3);
        }

        entry.Action = table.ImplementationId == 0
            ? new TableAction { Action = Action(dice, info, table) }
            : dice.OneIn(2)
            ? new TableAction { ActionProfileMemberId = (uint)dice.Between(1, 3) }
            : new TableAction { ActionProfileGroupId = (uint)dice.Between(1, 3) };
        return entry;
    }

    private static global::P4.V1.Action Action(Dice dice, P4Info info, Table table)
    {
        var usable = table.ActionRefs.Where(r => r.Scope != ActionRef.Types.Scope.DefaultOnly
            && info.Actions.Any(a => a.Preamble.Id == r.Id)).ToArray();
        if (usable.Length == 0)
        {
            return new global::P4.V1.Action();
        }

        var chosen = usable[dice.Below(usable.Length)].Id;
        var known = info.Actions.First(a => a.Preamble.Id == chosen);
        var action = new global::P4.V1.Action { ActionId = known.Preamble.Id };
        foreach (var param in known.Params)
        {
            action.Params.Add(new global::P4.V1.Action.Types.Param { ParamId = param.Id, Value = Value(dice, param.Bitwidth) });
        }

        return action;
    }

    private static ByteString Value(Dice dice, int bits) => dice.Below(10) switch
    {
        0 => ByteString.CopyFrom(dice.Bytes(dice.Below((bits / 8) + 3))),
        1 => ByteString.CopyFrom([.. new byte[dice.Below(3)], 1]),
        _ => ByteString.CopyFrom(bits == 1 ? (byte)dice.Below(2) : (byte)dice.Between(1, 3)),
    };
}
