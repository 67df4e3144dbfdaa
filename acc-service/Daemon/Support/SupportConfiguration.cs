using System.Collections;

namespace ACCOffload.Daemon.Support;

/// <summary>
/// The configuration in a support bundle: each value with its source, and what is public of the certificates that it names.
/// </summary>
public static class SupportConfiguration
{
    private static readonly string[] CertificateKeys = ["CertificateFile", "CaFile"];

    /// <param name="bundle">The bundle.</param>
    /// <param name="file">The configuration file.</param>
    /// <param name="environment">The environment variables.</param>
    /// <param name="foreign">Sections of the other service, whose variables may be in the same environment.</param>
    /// <param name="defaults">The defaults by key, as far as they are known.</param>
    public static async Task AddAsync(
        SupportBundle bundle, string file, IDictionary environment, IReadOnlyCollection<string> foreign,
        IReadOnlyDictionary<string, string> defaults)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(defaults);
        await bundle.AddFileAsync("configuration/file.json", file);
        ConfigurationTree tree;
        try
        {
            tree = ConfigurationTree.Load(file, required: false, environment, foreign);
        }
        catch (ConfigurationException e)
        {
            await bundle.AddTextAsync("configuration/values.txt", $"not available: {e.Message}\n");
            return;
        }

        var values = defaults.ToDictionary(d => d.Key, d => (Text: d.Value, Source: "default"), StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in tree.Values)
        {
            values[key] = (value.Items is null ? value.Text : $"[{string.Join(", ", value.Items.Select(i => i.Text))}]", value.Source);
        }

        await bundle.AddTextAsync("configuration/values.txt", string.Concat(
            values.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => $"{v.Key} = {v.Value.Text}  ({v.Value.Source})\n")));
        await bundle.AddCertificatesAsync(
            "configuration/certificates.txt",
            values.Where(v => CertificateKeys.Any(k => v.Key.EndsWith(k, StringComparison.OrdinalIgnoreCase)))
                .OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => v.Value.Text));
    }
}
