using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests.Spec;

/// <summary>Generates programs: small ones with each kind of statement, sometimes ones compiled by p4c, mostly mutated.</summary>
internal static class SpecInputs
{
    private const string Types = """
        struct e_t {
            bit<48> dst
            bit<48> src
            bit<16> type
        }
        struct v_t {
            bit<8> length
            varbit<320> data
        }
        struct m_t {
            bit<32> port
            bit<32> out
            bit<48> mac
            bit<8> x
            bit<16> sum
            bit<32> group
            bit<32> member
            bit<32> timeout
            bit<128> wide
        }
        struct a_t {
            bit<32> port
            bit<48> mac
        }
        header e instanceof e_t
        header v instanceof v_t
        metadata instanceof m_t
        regarray r size 0x10 initval 0x5
        metarray k size 4

        """;

    private const string Actions = """
        action nop args none {
            return
        }
        action go args instanceof a_t {
            mov m.out t.port
            mov h.e.dst t.mac
            return
        }
        action learn_it args none {
            mov m.timeout 0x1
            learn go m.out m.timeout
            return
        }

        """;

    private static readonly string[] Small =
    [
        Types + """
        apply {
            rx m.port
            extract h.e
            jmpneq OUT h.e.type 0x800
            mov m.x 0x5
            add m.x 0x1
            shl m.port 0x2
            regadd r 0x3 0x1
            regrd m.out r 0x3
            ckadd h.e.type h.e.dst
            hash crc32 m.group h.e.dst h.e.type
            OUT : emit h.e
            tx m.out
        }
        """,
        Types + Actions + """
        table t {
            key {
                h.e.dst exact
                h.e.type exact
            }
            actions {
                go
                nop @defaultonly
            }
            default_action nop args none const
            size 0x10
        }
        table w {
            key {
                m.port wildcard
                m.x wildcard
            }
            actions {
                go
                nop
            }
            default_action go args port 0x1 mac 0x2
            size 0x20
        }
        apply {
            rx m.port
            extract h.e
            table t
            jmpnh OUT
            table w
            OUT : jmpa END nop
            jmpnv END h.v
            drop
            END : emit h.e
            tx m.out
        }
        """,
        Types + Actions + """
        learner l {
            key {
                m.port
            }
            actions {
                learn_it @defaultonly
                go
            }
            default_action learn_it args none
            size 0x40
            timeout {
                0x1
                30
            }
        }
        selector s {
            group_id m.group
            selector {
                h.e.dst
                h.e.src
            }
            member_id m.member
            n_groups_max 0x8
            n_members_per_group_max 0x4
        }
        apply {
            rx m.port
            extract h.e
            extract h.v m.port
            table l
            table s
            meter k 0x1 m.port m.x m.x
            metprefetch k 0x1
            recirculate
            emit h.v
            tx m.member
        }
        """,
    ];

    private static readonly string[] Large = [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Pipelines"), "*.spec")
        .Order(StringComparer.Ordinal).Select(File.ReadAllText)];
    /// <summary>All programs, unchanged.</summary>
    public static IEnumerable<string> Programs => Small.Concat(Large);

    private static readonly string[][] Words = [.. Small.Concat(Large).SelectMany(t => t.Split('\n'))
        .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(w => w.Length > 0)];

    public static string Text(Dice dice)
    {
        var lines = (dice.OneIn(60) ? Large[dice.Below(Large.Length)] : Small[dice.Below(Small.Length)]).Split('\n').ToList();
        for (var changes = dice.Below(4); changes > 0; changes--)
        {
            Change(dice, lines);
        }

        var text = string.Join(dice.OneIn(30) ? "\r\n" : "\n", lines);
        if (!dice.OneIn(12))
        {
            return text;
        }

        return System.Text.Encoding.Latin1.GetString(
            ByteMutator.Mutate(dice, System.Text.Encoding.Latin1.GetBytes(text[..Math.Min(text.Length, 12_000)])));
    }

    private static void Change(Dice dice, List<string> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        var at = dice.Below(lines.Count);
        switch (dice.Below(8))
        {
            case 0:
                lines.RemoveAt(at);
                break;
            case 1:
                lines.Insert(dice.Below(lines.Count + 1), lines[at]);
                break;
            case 2:
                var to = dice.Below(lines.Count);
                (lines[at], lines[to]) = (lines[to], lines[at]);
                break;
            case 3:
                lines.Insert(at, string.Join(' ', dice.Pick<string[]>(Words)));
                break;
            case 4 when dice.OneIn(4):
                lines.RemoveRange(at, Math.Min(lines.Count - at, dice.Between(1, 10)));
                break;
            default:
                var words = lines[at].Split(' ', StringSplitOptions.RemoveEmptyEntries).ToList();
                if (words.Count == 0)
                {
                    break;
                }

                var word = dice.Below(words.Count);
                switch (dice.Below(5))
                {
                    case 0:
                        words.RemoveAt(word);
                        break;
                    case 1:
                        words.Insert(word, words[dice.Below(words.Count)]);
                        break;
                    case 2:
                        var others = dice.Pick<string[]>(Words);
                        words[word] = others[dice.Below(others.Length)];
                        break;
                    case 3:
                        words[word] = Number(dice);
                        break;
                    default:
                        words[word] = dice.OneIn(4) ? dice.OddText() : words[word] + dice.Pick("x", "0", ".", "<", ">", "_t");
                        break;
                }

                lines[at] = string.Join(' ', words);
                break;
        }
    }

    private static string Number(Dice dice) => dice.Below(4) switch
    {
        0 => $"0x{dice.OddNumber():x}",
        1 => $"{dice.OddNumber()}",
        2 => $"bit<{dice.Pick(0ul, 1ul, 7ul, 8ul, 9ul, 64ul, 65ul, 128ul, 1ul << 19, dice.OddNumber())}>",
        _ => dice.Pick("-1", "0x", "0777", "08", "+5", "1e3", "18446744073709551616", "0x10000000000000000", "--1"),
    };
}
