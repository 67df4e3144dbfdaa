using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>Reads a kubeconfig and the files it refers to. Unsupported entries are rejected by name, never ignored.</summary>
internal sealed class KubeconfigReader
{
    private const int MaxFileBytes = 1 << 20;

    // If one of these were ignored, requests would go to another server or user than the file specifies.
    private static readonly string[] UnsupportedUserFields =
        ["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"];
    private static readonly string[] UnsupportedClusterFields = ["proxy-url"];

    private readonly string _file;
    private readonly IncrementalHash _stamp = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private KubeconfigReader(string file) => _file = file;

    /// <param name="file">Path of the kubeconfig.</param>
    /// <param name="context">Context to use; empty for the current context.</param>
    /// <param name="servers">Server addresses used instead of the cluster's; may be empty.</param>
    /// <exception cref="KubeconfigException">The kubeconfig cannot be used.</exception>
    public static Kubeconfig Read(string file, string context, IReadOnlyList<Uri> servers) =>
        new KubeconfigReader(file).Read(context, servers);

    private Kubeconfig Read(string contextName, IReadOnlyList<Uri> servers)
    {
        Dictionary<string, object?> root;
        try
        {
            root = YamlTree.Parse(Encoding.UTF8.GetString(ReadAndStamp(_file, ""))) as Dictionary<string, object?>
                ?? throw new FormatException("not a YAML mapping");
        }
        catch (FormatException e)
        {
            throw Invalid("", e.Message, "provide a kubeconfig like the one that rootfs/kubernetes/make-kubeconfig writes");
        }
        var name = contextName.Length > 0 ? contextName : Text(root, "current-context", "");
        if (name is null)
        {
            throw Invalid("current-context", "missing", "set it, or set Kubernetes:Context");
        }

        var context = Named(root, "contexts", "context", name);
        var clusterName = Text(context, "cluster", $"contexts[{name}]")
            ?? throw Invalid($"contexts[{name}].cluster", "missing", "name a cluster");
        var cluster = Named(root, "clusters", "cluster", clusterName);
        var user = Text(context, "user", $"contexts[{name}]") is { } userName ? Named(root, "users", "user", userName) : [];
        var result = new Kubeconfig(
            servers.Count > 0 ? servers : [Server(cluster)],
            Text(cluster, "tls-server-name", "cluster"),
            Authorities(cluster),
            null,
            [],
            null,
            "");
        foreach (var key in UnsupportedClusterFields)
        {
            RejectIfPresent(cluster, key, "cluster");
        }

        if (Text(cluster, "insecure-skip-tls-verify", "cluster") is "true")
        {
            throw Invalid(
                "cluster.insecure-skip-tls-verify", "not supported", "remove it, and add the server's CA as certificate-authority-data");
        }

        foreach (var key in UnsupportedUserFields)
        {
            RejectIfPresent(user, key, "user");
        }

        result = WithCertificate(result, user);
        result = WithToken(result, user);
        if (result.ClientCertificate is null && result.Token is null)
        {
            throw Invalid("user", "neither a client certificate nor a token", "create a kubeconfig with rootfs/kubernetes/make-kubeconfig");
        }

        foreach (var server in result.Servers)
        {
            _stamp.AppendData(Encoding.UTF8.GetBytes(server.ToString() + "\n"));
        }

        return result with { Stamp = Convert.ToHexString(_stamp.GetHashAndReset()) };
    }

    private Uri Server(Dictionary<string, object?> cluster)
    {
        const string Remedy = "use the API server's address, such as https://192.0.2.1:6443";
        var text = Text(cluster, "server", "cluster") ?? throw Invalid("cluster.server", "missing", Remedy);
        return Parsers.ApiServer(text, out var server) is { } problem
            ? throw Invalid("cluster.server", $"{FieldReader.Quote(text)} {problem}", Remedy)
            : server;
    }

    private X509Certificate2Collection? Authorities(Dictionary<string, object?> cluster)
    {
        if (Bytes(cluster, "certificate-authority", "cluster") is not { } pem)
        {
            return null;
        }

        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(Encoding.UTF8.GetString(pem));
        }
        catch (CryptographicException e)
        {
            throw Invalid("cluster.certificate-authority", $"cannot be parsed: {e.Message}", "provide PEM certificates");
        }
        return authorities.Count > 0
            ? authorities
            : throw Invalid("cluster.certificate-authority", "contains no certificate", "provide PEM certificates");
    }

    private Kubeconfig WithCertificate(Kubeconfig config, Dictionary<string, object?> user)
    {
        var certificate = Bytes(user, "client-certificate", "user");
        var key = Bytes(user, "client-key", "user");
        if (certificate is null && key is null)
        {
            return config;
        }

        if (certificate is null || key is null)
        {
            throw Invalid(
                certificate is null ? "user.client-certificate" : "user.client-key", "missing", "provide both the certificate and its key");
        }

        try
        {
            var chain = new X509Certificate2Collection();
            var pem = Encoding.UTF8.GetString(certificate);
            chain.ImportFromPem(pem);
            if (chain.Count > 0)
            {
                chain.RemoveAt(0);
            }

            var clientCertificate = X509Certificate2.CreateFromPem(pem, Encoding.UTF8.GetString(key));
            return config with { ClientCertificate = clientCertificate, Intermediates = chain };
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw Invalid(
                "user.client-certificate",
                $"cannot be used with its key: {e.Message}",
                "provide a PEM certificate and an unencrypted PEM key");
        }
    }

    private Kubeconfig WithToken(Kubeconfig config, Dictionary<string, object?> user)
    {
        // A token file takes precedence over a token, as in kubectl.
        if (Text(user, "tokenFile", "user") is { } file)
        {
            var path = Path(file);
            return config with { Token = CheckToken(path, "", Encoding.UTF8.GetString(ReadFile(path, "", path)).Trim()) };
        }
        return Text(user, "token", "user") is { } token ? config with { Token = CheckToken(_file, "user.token", token.Trim()) } : config;
    }

    private static string CheckToken(string file, string entry, string token) =>
        token.Length > 0 && !token.Any(c => c is <= ' ' or > '~')
            ? token
            : throw new KubeconfigException(file, entry, "contains no token", "provide a one-line bearer token");

    /// <summary>
    /// Reads an entry given inline as base64 (with the suffix -data) or as a file name; inline data takes precedence, as in kubectl.
    /// </summary>
    private byte[]? Bytes(Dictionary<string, object?> map, string key, string where)
    {
        if (Text(map, key + "-data", where) is { } data)
        {
            try
            {
                return Convert.FromBase64String(data);
            }
            catch (FormatException)
            {
                throw Invalid($"{where}.{key}-data", "not valid base64", "provide the PEM file encoded as base64");
            }
        }
        return Text(map, key, where) is { } file ? ReadAndStamp(Path(file), $"{where}.{key}") : null;
    }

    private Dictionary<string, object?> Named(Dictionary<string, object?> root, string list, string key, string name)
    {
        foreach (var item in root.GetValueOrDefault(list) as List<object?> ?? [])
        {
            if (item is Dictionary<string, object?> map && map.GetValueOrDefault("name") is string found && found == name)
            {
                return map.GetValueOrDefault(key) as Dictionary<string, object?> ?? [];
            }
        }
        throw Invalid(list, $"no entry named {FieldReader.Quote(name)}", "correct the name, or add the entry");
    }

    private string? Text(Dictionary<string, object?> map, string key, string where) => map.GetValueOrDefault(key) switch
    {
        null => null,
        string { Length: 0 } => null,
        string text => text,
        _ => throw Invalid(where.Length == 0 ? key : $"{where}.{key}", "not a string", "correct the file"),
    };

    private void RejectIfPresent(Dictionary<string, object?> map, string key, string where)
    {
        if (map.GetValueOrDefault(key) is null or "")
        {
            return;
        }

        throw Invalid($"{where}.{key}", "not supported", key == "exec"
            ? "use a client certificate, a token or a token file; rootfs/kubernetes/make-kubeconfig creates one"
            : "remove it, and use a client certificate, a token or a token file");
    }

    private string Path(string file) =>
        System.IO.Path.GetFullPath(file, System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(_file))!);

    private byte[] ReadAndStamp(string file, string entry)
    {
        var bytes = ReadFile(_file, entry, file);
        _stamp.AppendData(BitConverter.GetBytes(bytes.Length));
        _stamp.AppendData(bytes);
        return bytes;
    }

    private static byte[] ReadFile(string source, string entry, string file)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaxFileBytes)
            {
                throw new KubeconfigException(source, entry, $"{file} is larger than {MaxFileBytes} bytes", "name the right file");
            }

            using var contents = new MemoryStream();
            stream.CopyTo(contents);
            return contents.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KubeconfigException(
                source,
                entry,
                $"no such file{(file == source ? "" : $": {file}")}",
                "create one with rootfs/kubernetes/make-kubeconfig, or correct Kubernetes:Kubeconfig");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KubeconfigException(
                source, entry, $"{file} cannot be read: {e.Message}", "make it readable by the user that runs inframanager");
        }
    }

    private KubeconfigException Invalid(string entry, string reason, string remedy) => new(_file, entry, reason, remedy);
}

/// <summary>The validated settings of one kubeconfig context.</summary>
/// <param name="Servers">Addresses of API servers, tried in turn; https, with a trailing slash.</param>
/// <param name="TlsServerName">The name to expect in the server certificates; null for the host of the address.</param>
/// <param name="Authorities">The CAs of the server certificates; null for the system's CAs.</param>
/// <param name="ClientCertificate">The client certificate with its private key; null for none.</param>
/// <param name="Intermediates">Intermediate certificates sent with the client certificate.</param>
/// <param name="Token">The bearer token; null for none.</param>
/// <param name="Stamp">A hash of all files except the token file.</param>
internal sealed record Kubeconfig(
    IReadOnlyList<Uri> Servers,
    string? TlsServerName,
    X509Certificate2Collection? Authorities,
    X509Certificate2? ClientCertificate,
    X509Certificate2Collection Intermediates,
    string? Token,
    string Stamp);

/// <summary>The kubeconfig cannot be used. The message is one line: file, entry, reason, remedy.</summary>
internal sealed class KubeconfigException(string file, string entry, string reason, string remedy)
    : Exception(entry.Length == 0 ? $"{file}: {reason}; {remedy}" : $"{file}: {entry}: {reason}; {remedy}");
