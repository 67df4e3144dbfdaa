using System.Text;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>The kernel's rules for an interface name (dev_valid_name): 1 to 15 bytes, no '/', ':' or white space, not "." or "..".</summary>
public static class InterfaceName
{
    /// <summary>Most bytes that a name has.</summary>
    public const int MaxLength = 15;

    /// <summary>True if the kernel would take the name; '%' is refused too, because the kernel takes it for a pattern.</summary>
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

    internal static string Checked(string? name, string parameter = "name") =>
        IsValid(name) ? name! : throw new ArgumentException($"'{name}' is no interface name: 1 to {MaxLength} bytes without '/', ':', '%' or white space", parameter);

    /// <summary>Writes the name with zero bytes after it into an ifreq's 16 bytes.</summary>
    internal static void Write(string name, Span<byte> destination)
    {
        destination.Clear();
        Encoding.UTF8.GetBytes(name, destination[..MaxLength]);
    }
}
