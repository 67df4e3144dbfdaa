using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>Reads a kubeconfig and the files that it names. What this service can't do, or should not, is refused by name, never ignored.</summary>
internal sealed class KubeconfigReader
{
    private const int LargestFile = 1 << 20;

    // A client that overlooks one of these reaches another server, or reaches it as someone else, than the file says.
    private static readonly string[] UserRefused = ["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"];
    private static readonly string[] ClusterRefused = ["proxy-url"];

    private readonly string _file;
    private readonly IncrementalHash _stamp = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private KubeconfigReader(string file) => _file = file;

    /// <param name="file">The kubeconfig.</param>
    /// <param name="context">The context; empty for its current one.</param>
    /// <param name="servers">Addresses that go before the cluster's; may be empty.</param>
    /// <exception cref="KubeconfigException">It can't be used.</exception>
    public static Kubeconfig Read(string file, string context, IReadOnlyList<Uri> servers) => new KubeconfigReader(file).Read(context, servers);

    /// <summary>The first line of a token file.</summary>
    /// <exception cref="KubeconfigException">It can't be read, or holds none.</exception>
    public static string ReadToken(string file)
    {
        var token = Encoding.UTF8.GetString(ReadFile(file, "", file)).Trim();
        return CheckToken(file, "", token);
    }

    private Kubeconfig Read(string contextName, IReadOnlyList<Uri> servers)
    {
        Dictionary<string, object?> root;
        try
        {
            root = YamlTree.Parse(Encoding.UTF8.GetString(Take(_file, ""))) as Dictionary<string, object?> ?? throw new FormatException("is no mapping");
        }
        catch (FormatException e)
        {
            throw Wrong("", e.Message, "give a kubeconfig, such as rootfs/kubernetes/make-kubeconfig writes");
        }
        var name = contextName.Length > 0 ? contextName : Text(root, "current-context", "");
        if (name is null)
        {
            throw Wrong("current-context", "is missing", "set it, or name a context in Kubernetes:Context");
        }

        var context = Named(root, "contexts", "context", name);
        var cluster = Named(root, "clusters", "cluster", Text(context, "cluster", $"contexts[{name}]") ?? throw Wrong($"contexts[{name}].cluster", "is missing", "name a cluster"));
        var user = Text(context, "user", $"contexts[{name}]") is { } userName ? Named(root, "users", "user", userName) : [];
        var result = new Kubeconfig(
            servers.Count > 0 ? servers : [Server(cluster)],
            Text(cluster, "tls-server-name", "cluster"),
            Authorities(cluster),
            null,
            [],
            null,
            null,
            "");
        foreach (var key in ClusterRefused)
        {
            Refuse(cluster, key, "cluster");
        }

        if (Text(cluster, "insecure-skip-tls-verify", "cluster") is "true")
        {
            throw Wrong("cluster.insecure-skip-tls-verify", "is set", "remove it, and give the server's authority as certificate-authority-data");
        }

        foreach (var key in UserRefused)
        {
            Refuse(user, key, "user");
        }

        result = WithCertificate(result, user);
        result = WithToken(result, user);
        if (result.ClientCertificate is null && result.Token is null && result.TokenFile is null)
        {
            throw Wrong("user", "has neither a client certificate nor a token", "make a kubeconfig with rootfs/kubernetes/make-kubeconfig");
        }

        foreach (var server in result.Servers)
        {
            _stamp.AppendData(Encoding.UTF8.GetBytes(server.ToString() + "\n"));
        }

        return result with { Stamp = Convert.ToHexString(_stamp.GetHashAndReset()) };
    }

    private Uri Server(Dictionary<string, object?> cluster)
    {
        var text = Text(cluster, "server", "cluster") ?? throw Wrong("cluster.server", "is missing", "give the API server's real address, such as https://192.0.2.1:6443");
        return Parsers.ApiServer(text, out var server) is { } problem
            ? throw Wrong("cluster.server", $"{KubeValues.Shown(text)} {problem}", "give the API server's real address, such as https://192.0.2.1:6443")
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
            throw Wrong("cluster.certificate-authority", $"is corrupt: {e.Message}", "give certificates in PEM");
        }
        return authorities.Count > 0 ? authorities : throw Wrong("cluster.certificate-authority", "has no certificate in it", "give certificates in PEM");
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
            throw Wrong(certificate is null ? "user.client-certificate" : "user.client-key", "is missing", "give the certificate together with its key");
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

            return config with { ClientCertificate = X509Certificate2.CreateFromPem(pem, Encoding.UTF8.GetString(key)), Intermediates = chain };
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw Wrong("user.client-certificate", $"or its key can't be used: {e.Message}", "give a certificate and its key in PEM, without a password");
        }
    }

    private Kubeconfig WithToken(Kubeconfig config, Dictionary<string, object?> user)
    {
        // The file goes before the token beside it, as in kubectl.
        if (Text(user, "tokenFile", "user") is { } file)
        {
            var path = Path(file);
            return config with { TokenFile = path, Token = ReadToken(path) };
        }
        return Text(user, "token", "user") is { } token ? config with { Token = CheckToken(_file, "user.token", token.Trim()) } : config;
    }

    private static string CheckToken(string file, string entry, string token) =>
        token.Length > 0 && !token.Any(c => c is <= ' ' or > '~') ? token : throw new KubeconfigException(file, entry, "holds no token", "give a bearer token of one line");

    /// <summary>An entry that may be given as the name of a file, or, with -data at its end, in base64; the data goes first, as in kubectl.</summary>
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
                throw Wrong($"{where}.{key}-data", "is no base64", "give the PEM file's base64");
            }
        }
        return Text(map, key, where) is { } file ? Take(Path(file), $"{where}.{key}") : null;
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
        throw Wrong(list, $"has none of the name {KubeValues.Shown(name)}", "correct the name, or add the entry");
    }

    private string? Text(Dictionary<string, object?> map, string key, string where) => map.GetValueOrDefault(key) switch
    {
        null => null,
        string { Length: 0 } => null,
        string text => text,
        _ => throw Wrong(where.Length == 0 ? key : $"{where}.{key}", "is no text", "correct the file"),
    };

    private void Refuse(Dictionary<string, object?> map, string key, string where)
    {
        if (map.GetValueOrDefault(key) is null or "")
        {
            return;
        }

        throw Wrong($"{where}.{key}", "is not supported here", key == "exec"
            ? "no program is run for credentials: give a client certificate, a token or a token file (rootfs/kubernetes/make-kubeconfig makes one)"
            : "remove it, and give a client certificate, a token or a token file");
    }

    private string Path(string file) => System.IO.Path.GetFullPath(file, System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(_file))!);

    private byte[] Take(string file, string entry)
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
            if (stream.Length > LargestFile)
            {
                throw new KubeconfigException(source, entry, $"{file} is larger than {LargestFile} bytes", "name the right file");
            }

            using var contents = new MemoryStream();
            stream.CopyTo(contents);
            return contents.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KubeconfigException(source, entry, $"no such file{(file == source ? "" : $": {file}")}", "make one with rootfs/kubernetes/make-kubeconfig, or name the right one in Kubernetes:Kubeconfig") { IsMissing = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KubeconfigException(source, entry, $"{file} cannot be read: {e.Message}", "make it readable for the user that runs inframanager");
        }
    }

    private KubeconfigException Wrong(string entry, string reason, string remedy) => new(_file, entry, reason, remedy);
}
