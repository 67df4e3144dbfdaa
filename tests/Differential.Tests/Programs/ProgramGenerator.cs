using System.Globalization;
using System.Text;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.Programs;

/// <summary>
/// Generates random programs with every arithmetic, move, register, checksum and compare instruction, and operands of any
/// width in headers, metadata and action arguments. Jumps only go forward, so programs terminate. At the end a program pushes
/// all metadata in front of the packet, so that every result is compared.
/// </summary>
internal sealed class ProgramGenerator
{
    private const int Actions = 3;
    private const int InstructionsPerBlock = 45;

    // Prefixes of the instructions that the programs use.
    private static readonly string[] InstructionPrefixes = ["mov ", "add ", "sub ", "and ", "or ", "xor ", "shl ", "shr ", "ck",
        "reg", "jmpeq ",
        "jmpneq ", "jmplt ", "jmpgt "];

    private readonly Dice _dice;
    private readonly Queue<string> _deck = [];
    private readonly Queue<string> _argumentDeck = [];
    private readonly List<(string Name, int Bits)> _metadata = [];
    private readonly List<(string Name, int Bits)>[] _arguments = new List<(string, int)>[Actions];
    private readonly List<(string Name, int Bits)> _headerFields = [];
    private int _labels;

    /// <summary>Creates a generator whose programs together use all variants.</summary>
    public ProgramGenerator(Dice dice) => _dice = dice;

    /// <summary>The instruction variants that the programs use.</summary>
    public static IEnumerable<string> Variants =>
        InstructionVariant.All.Where(v => InstructionPrefixes.Any(c => v.StartsWith(c, StringComparison.Ordinal)));

    /// <summary>Size in bytes of the headers that the last program extracts.</summary>
    public int HeaderBytes { get; private set; }

    /// <summary>Generates the next program.</summary>
    public string Next()
    {
        _metadata.Clear();
        _headerFields.Clear();
        HeaderBytes = 0;
        var text = new StringBuilder();
        Header(text, "first", withWide: true, 0);
        Header(text, "second", withWide: true, 0);
        // The checksum instructions have a variant for 20-byte headers and one for multiples of 4 bytes.
        Header(text, "twenty", withWide: false, 20);
        Header(text, "words", withWide: false, 4 + _dice.Below(33));
        Metadata(text);
        for (var i = 0; i < Actions; i++)
        {
            ActionArguments(text, i);
        }

        text.Append("regarray small size 4 initval 3\nregarray large size 0x60 initval 0xFFFFFFFFFFFFFFF0\n");
        for (var i = 0; i < Actions; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"action a{i} args instanceof a{i}_args_t {{\n");
            Block(text, _arguments[i]);
            text.Append("return\n}\n");
        }
        text.Append("action none args none {\nreturn\n}\n");
        Table(text);
        Apply(text);
        return text.ToString();
    }

    private int Width() => 8 * (1 + _dice.Below(8));

    private void Header(StringBuilder text, string name, bool withWide, int bytes)
    {
        text.Append(CultureInfo.InvariantCulture, $"struct {name}_t {{\n");
        var (left, i) = (bytes > 0 ? 8 * bytes : 400, 0);
        if (withWide)
        {
            foreach (var bits in (int[])[128, 96])
            {
                Add($"f{i++}", bits);
            }
        }
        // At least one field that can hold a checksum.
        Add($"f{i++}", 16);
        for (left -= 16; left > 0 && (bytes > 0 || i < 12); i++)
        {
            var bits = Math.Min(Width(), left);
            Add($"f{i}", bits);
            left -= bits;
        }
        text.Append(CultureInfo.InvariantCulture, $"}}\nheader {name} instanceof {name}_t\n");

        void Add(string field, int bits)
        {
            text.Append(CultureInfo.InvariantCulture, $"bit<{bits}> {field}\n");
            _headerFields.Add(($"h.{name}.{field}", bits));
            HeaderBytes += bits / 8;
        }
    }

    private void Metadata(StringBuilder text)
    {
        text.Append("struct metadata_t {\nbit<32> port_in\nbit<32> port_out\n");
        var pushed = new StringBuilder("struct pushed_t {\n");
        for (var i = 0; i < 16; i++)
        {
            var bits = i switch { 0 or 1 => 128, 2 or 3 => 96, 4 => 8, _ => Width() };
            _metadata.Add(($"m.v{i}", bits));
            text.Append(CultureInfo.InvariantCulture, $"bit<{bits}> v{i}\n");
            pushed.Append(CultureInfo.InvariantCulture, $"bit<{bits}> v{i}\n");
        }
        text.Append("}\nmetadata instanceof metadata_t\n").Append(pushed).Append("}\nheader pushed instanceof pushed_t\n");
    }

    private void ActionArguments(StringBuilder text, int action)
    {
        _arguments[action] = [];
        text.Append(CultureInfo.InvariantCulture, $"struct a{action}_args_t {{\n");
        for (var i = 0; i < 6; i++)
        {
            var bits = Width();
            _arguments[action].Add(($"t.x{i}", bits));
            text.Append(CultureInfo.InvariantCulture, $"bit<{bits}> x{i}\n");
        }
        text.Append("}\n");
    }

    private static void Table(StringBuilder text)
    {
        text.Append("table choose {\nkey {\nm.v4 exact\n}\nactions {\n");
        for (var i = 0; i < Actions; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"a{i}\n");
        }

        text.Append("none @defaultonly\n}\ndefault_action none args none\nsize 0x100\n}\n");
    }

    private void Apply(StringBuilder text)
    {
        text.Append("apply {\nrx m.port_in\nextract h.first\nextract h.second\nextract h.twenty\nextract h.words\n");
        foreach (var (name, bits) in _metadata)
        {
            var source = Pick(_headerFields, f => bits > 64 ? f.Bits == bits : f.Bits <= 64);
            text.Append(CultureInfo.InvariantCulture, $"mov {name} {source.Name}\n");
        }
        text.Append("mov m.port_out h.first.f2\nand m.port_out 0xF\n");
        for (var i = 0; i < 3; i++)
        {
            Block(text, []);
            text.Append("and m.v4 0x3\ntable choose\n");
        }
        Block(text, []);
        text.Append("validate h.pushed\n");
        for (var i = 0; i < _metadata.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"mov h.pushed.v{i} m.v{i}\n");
        }

        text.Append("emit h.pushed\nemit h.first\nemit h.second\nemit h.twenty\nemit h.words\ntx m.port_out\n}\n");
    }

    /// <summary>Appends instructions that use the action's arguments, if any.</summary>
    private void Block(StringBuilder text, List<(string Name, int Bits)> arguments)
    {
        var label = "";
        for (var i = 0; i < InstructionsPerBlock; i++)
        {
            var variant = Draw(arguments.Count > 0);
            var parts = variant.Split(' ');
            // A jump skips the next one or two instructions.
            var target = "";
            if (variant.StartsWith("jmp", StringComparison.Ordinal))
            {
                target = $"L{_labels++}";
            }

            text.Append(label).Append(Instruction(variant, parts, arguments, target)).Append('\n');
            label = "";
            if (target.Length == 0)
            {
                continue;
            }

            for (var skipped = 1 + _dice.Below(2); skipped > 0; skipped--)
            {
                text.Append(Instruction("add M I", ["add", "M", "I"], arguments, "")).Append('\n');
            }

            label = $"{target} : ";
        }
        if (label.Length > 0)
        {
            text.Append(label).Append("mov m.v4 m.v4\n");
        }
    }

    /// <summary>
    /// Draws the next variant from a shuffled deck, so that the programs cover all; in actions mostly variants with arguments.
    /// </summary>
    private string Draw(bool inAction)
    {
        var withArguments = inAction && _dice.Percent(70);
        var deck = withArguments ? _argumentDeck : _deck;
        if (deck.Count == 0)
        {
            var variants = Variants.Where(v => v.Split(' ').Contains("T") == withArguments).ToArray();
            _dice.Shuffle(variants);
            foreach (var variant in variants)
            {
                deck.Enqueue(variant);
            }
        }
        return deck.Dequeue();
    }

    private string Instruction(string variant, string[] parts, List<(string Name, int Bits)> arguments, string target)
    {
        switch (variant)
        {
            case "ckadd H H" or "cksub H H":
                return $"{parts[0]} {Pick(_headerFields, f => f.Bits == 16).Name} {Pick(_headerFields, f => f.Bits <= 64).Name}";
            case "ckadd struct":
                return $"ckadd {Pick(_headerFields, f => f.Bits == 16).Name} h.words";
            case "ckadd struct20":
                return $"ckadd {Pick(_headerFields, f => f.Bits == 16).Name} h.twenty";
        }
        // With two immediates DPDK uses the program's first array, whichever one is named.
        var array = variant.EndsWith(" I I", StringComparison.Ordinal) ? "small" : _dice.Pick("small", "large");
        switch (parts)
        {
            case ["mov", var to, var from, var size]:
                var bits = size == "128" ? 128 : 96;
                return $"mov {Operand(to, arguments, bits)} {Operand(from, arguments, bits)}";
            case ["regprefetch", var index]:
                return $"regprefetch {array} {Index(index, arguments)}";
            case ["regrd", var to, var index]:
                return $"regrd {Operand(to, arguments)} {array} {Index(index, arguments)}";
            case ["regwr" or "regadd", var index, var from]:
                return $"{parts[0]} {array} {Index(index, arguments)} {Operand(from, arguments)}";
            case ["jmpeq" or "jmpneq" or "jmplt" or "jmpgt", var left, var right]:
                // Small numbers, so that both outcomes occur.
                return $"{parts[0]} {target} {Operand(left, arguments)} "
                    + $"{(right == "I" && _dice.Percent(70) ? $"{_dice.Below(2)}" : Operand(right, arguments))}";
            case ["shl" or "shr", var to, "I"]:
                return $"{parts[0]} {Operand(to, arguments)} {_dice.Below(70)}";
            default:
                return $"{parts[0]} {Operand(parts[1], arguments)} {Operand(parts[2], arguments)}";
        }
    }

    /// <summary>An index operand; immediates have 32 bits.</summary>
    private string Index(string kind, List<(string Name, int Bits)> arguments)
        => kind == "I" ? $"0x{Convert.ToHexString(_dice.Value(4))}" : Operand(kind, arguments);

    private string Operand(string kind, List<(string Name, int Bits)> arguments, int wide = 0)
    {
        switch (kind)
        {
            case "I":
                var bytes = 1 + _dice.Below(8);
                return $"0x{Convert.ToHexString(_dice.Value(bytes))}";
            case "T":
                return _dice.Pick(arguments).Name;
            default:
                return Pick(kind == "H" ? _headerFields : _metadata, f => wide > 0 ? f.Bits == wide : f.Bits <= 64).Name;
        }
    }

    private (string Name, int Bits) Pick(List<(string Name, int Bits)> fields, Func<(string Name, int Bits), bool> fits)
        => _dice.Pick([.. fields.Where(fits)]);
}
