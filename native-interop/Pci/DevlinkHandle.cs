using System.Diagnostics.CodeAnalysis;

namespace ACCOffload.NativeInterop.Pci;

/// <summary>Identifies a devlink device.</summary>
/// <param name="Bus">The bus it is on: "pci", "auxiliary", "netdevsim".</param>
/// <param name="Name">Its name on the bus, such as a PCI address: "0000:01:00.0".</param>
public sealed record DevlinkHandle(string Bus, string Name)
{
    private const int MaxPartLength = 128;

    /// <summary>Parses a handle such as "pci/0000:01:00.0".</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out DevlinkHandle? handle)
    {
        handle = null;
        var slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (slash < 0 || !IsPart(text.AsSpan(0, slash)) || !IsPart(text.AsSpan(slash + 1)))
        {
            return false;
        }

        handle = new DevlinkHandle(text![..slash], text[(slash + 1)..]);
        return true;
    }

    /// <summary>The handle of a PCI function.</summary>
    /// <param name="address">Its address, such as "0000:01:00.0".</param>
    public static DevlinkHandle Pci(string address) => new("pci", address);

    /// <inheritdoc/>
    public override string ToString() => $"{Bus}/{Name}";

    private static bool IsPart(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text.Length > MaxPartLength)
        {
            return false;
        }

        foreach (var c in text)
        {
            if (c is '/' or (<= ' ') or (>= '\x7f'))
            {
                return false;
            }
        }
        return true;
    }
}
