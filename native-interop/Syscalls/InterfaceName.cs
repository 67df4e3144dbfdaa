using System.Runtime.CompilerServices;
using System.Text;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>
/// The kernel's rules for an interface name (dev_valid_name): 1 to 15 bytes, no '/', ':' or white space, not "." or "..".
/// </summary>
public static class InterfaceName
{
    /// <summary>Maximum length in bytes.</summary>
    public const int MaxLength = 15;

    /// <summary>True if the kernel accepts the name; '%' is rejected too, because the kernel treats it as a pattern.</summary>
    public static bool IsValid(string? name)
    {
        if (string.IsNullOrEmpty(name) || name is "." or ".." || Encoding.UTF8.GetByteCount(name) > MaxLength)
        {
            return false;
        }

        foreach (var c in name)
        {
            if (c is '/' or ':' or '%' or '\0' || char.IsWhiteSpace(c) || char.IsSurrogate(c))
            {
                return false;
            }
        }
        return true;
    }

    internal static string Checked(string? name, [CallerArgumentExpression(nameof(name))] string parameter = "") =>
        IsValid(name) ? name! : throw new ArgumentException(
            $"invalid interface name '{name}': 1 to {MaxLength} bytes without '/', ':', '%' or white space", parameter);

    /// <summary>Writes the name, padded with zeros, into the 16 bytes of an ifreq.</summary>
    internal static void Write(string name, Span<byte> destination)
    {
        destination.Clear();
        Encoding.UTF8.GetBytes(name, destination[..MaxLength]);
    }
}
