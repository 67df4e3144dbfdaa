using System.Text.RegularExpressions;

namespace ACCOffload.DpdkOracle.Coverage;

/// <summary>Classifies instructions by opcode and kinds of operands: H header, M metadata, T action argument, I immediate.</summary>
public static partial class InstructionVariant
{
    private static readonly string[] AnyField = ["H", "M", "T"];
    private static readonly string[] AnyOperand = ["H", "M", "T", "I"];

    /// <summary>
    /// The variants of DPDK 22.11 that the tests must cover: all except <c>extern</c>, which p4c-dpdk does not use, and action arguments of
    /// <c>meter</c>, <c>mirror</c> and <c>hash</c>, which DPDK executes like metadata.
    /// </summary>
    public static IReadOnlyList<string> All { get; } = [.. Enumerate()];

    /// <summary>Whether the variant is a conditional jump; its two outcomes are counted separately.</summary>
    public static bool IsConditional(string variant) => variant.StartsWith("jmp", StringComparison.Ordinal) && variant != "jmp";

    /// <summary>Classifies an instruction.</summary>
    /// <param name="tokens">The instruction without its label.</param>
    /// <param name="spec">The specification that contains it.</param>
    public static string Of(ReadOnlySpan<string> tokens, SpecLines spec)
    {
        var name = tokens[0];
        switch (name)
        {
            case "jmp" or "drop" or "recirculate" or "forget" or "return" or "emit" or "validate" or "invalidate" or "lookahead":
            case "jmph" or "jmpnh" or "jmpa" or "jmpna" or "jmpv" or "jmpnv":
                return name;
            case "extract":
                return tokens.Length > 2 ? "extract variable" : "extract";
            case "table":
                return $"table {spec.TableKind(tokens[1])}";
            case "learn":
                return tokens.Length > 3 ? "learn with arguments" : "learn";
            case "rearm":
                return tokens.Length > 1 ? "rearm with timeout" : "rearm";
            case "hash":
                return $"hash {tokens[1]} {Kind(tokens[3])}";
            case "ckadd" when spec.HeaderBytes(tokens[2]) is { } bytes:
                return bytes == 20 ? "ckadd struct20" : "ckadd struct";
            case "mov" when spec.Bits(tokens[1]) is > 64 and var bits:
                return $"mov {Kind(tokens[1])} {Kind(tokens[2])} {(bits == 128 ? "128" : "wide")}";
            case "regrd":
                return $"regrd {Kind(tokens[1])} {Kind(tokens[3])}";
            case "regwr" or "regadd":
                return $"{name} {Kind(tokens[2])} {Kind(tokens[3])}";
            case "regprefetch" or "metprefetch":
                return $"{name} {Kind(tokens[2])}";
            case "meter":
                return $"meter {Kind(tokens[2])} {Kind(tokens[3])} {Kind(tokens[4])}";
            case "jmpeq" or "jmpneq" or "jmplt" or "jmpgt":
                return $"{name} {Kind(tokens[2])} {Kind(tokens[3])}";
            default:
                return $"{name} {string.Join(' ', tokens[1..].ToArray().Select(Kind))}";
        }
    }

    private static string Kind(string operand) => Field().Match(operand) is { Success: true } match
        ? match.Groups[1].Value.ToUpperInvariant() : "I";

    [GeneratedRegex(@"^([hmt])\.")]
    private static partial Regex Field();

    private static IEnumerable<string> Enumerate()
    {
        yield return "rx M";
        foreach (var name in (string[])["tx M", "tx I", "drop", "mirror M M", "recirculate", "recircid M", "extract",
            "extract variable", "lookahead", "emit", "validate", "invalidate", "ckadd H H", "ckadd struct", "ckadd struct20",
            "cksub H H", "table keyless", "table exact", "table scattered", "table lpm", "table wildcard", "table selector",
            "table learner", "learn", "learn with arguments", "rearm", "rearm with timeout", "forget", "entryid M",
            "jmp", "jmpv", "jmpnv", "jmph", "jmpnh", "jmpa", "jmpna", "return"])
        {
            yield return name;
        }

        foreach (var function in (string[])["jhash", "crc32"])
        {
            foreach (var source in (string[])["H", "M"])
            {
                yield return $"hash {function} {source}";
            }
        }

        foreach (var destination in (string[])["H", "M"])
        {
            foreach (var name in (string[])["mov", "add", "sub", "and", "or", "xor", "shl", "shr"])
            {
                foreach (var source in AnyOperand)
                {
                    yield return $"{name} {destination} {source}";
                }
            }

            foreach (var source in (string[])["H", "M"])
            {
                yield return $"mov {destination} {source} 128";
                yield return $"mov {destination} {source} wide";
            }
            foreach (var index in AnyOperand)
            {
                yield return $"regrd {destination} {index}";
            }
        }
        foreach (var index in AnyOperand)
        {
            yield return $"regprefetch {index}";
            yield return $"metprefetch {index}";
            foreach (var source in AnyOperand)
            {
                yield return $"regwr {index} {source}";
                yield return $"regadd {index} {source}";
            }
            foreach (var length in (string[])["H", "M"])
            {
                if (index == "T")
                {
                    continue;
                }

                yield return $"meter {index} {length} M";
                yield return $"meter {index} {length} I";
            }
        }
        foreach (var name in (string[])["jmpeq", "jmpneq", "jmplt", "jmpgt"])
        {
            foreach (var left in AnyField)
            {
                foreach (var right in AnyOperand)
                {
                    yield return $"{name} {left} {right}";
                }
            }
        }
    }
}
