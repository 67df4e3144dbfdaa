using System.Reflection;

namespace ACCOffload.Configuration;

/// <summary>This build's version.</summary>
public static class ProductVersion
{
    /// <summary>The version, such as 0.1.0, with the commit.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
