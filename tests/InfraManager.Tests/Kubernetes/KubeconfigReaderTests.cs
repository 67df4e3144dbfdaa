using ACCOffload.InfraManager.Cluster.Connection;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class KubeconfigReaderTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_the_current_context_or_the_named_one()
    {
        const string Two = """
            # Comments, both YAML styles and unknown entries are accepted.
            kind: Config
            "current-context": one
            contexts: [{name: one, context: {cluster: a, user: x, namespace: kube-system}}, {name: two, context: {cluster: b, user: x}}]
            clusters:
              - cluster: {server: 'https://192.0.2.1:6443'}
                name: a
              - cluster:
                  server: https://[2001:db8::1]:6443/k8s
                  tls-server-name: kubernetes
                  extensions: [{name: e}]
                name: b
            users:
              - name: x
                user: {token: "abc"}
            preferences: {}
            """;
        var one = Read(Two);
        Assert.Equal("https://192.0.2.1:6443/", one.Servers.Single().ToString());
        Assert.Equal("abc", one.Token);
        Assert.Null(one.TlsServerName);
        var two = Read(Two, "two");
        Assert.Equal("https://[2001:db8::1]:6443/k8s/", two.Servers.Single().ToString());
        Assert.Equal("kubernetes", two.TlsServerName);
        Assert.NotEqual(one.Stamp, two.Stamp);
        Assert.Equal(one.Stamp, Read(Two).Stamp);
    }

    [Fact]
    public void Accepts_JSON() => Assert.Equal("abc", Read("""
        {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
         "clusters":[{"name":"k","cluster":{"server":"https://192.0.2.1"}}],"users":[{"name":"u","user":{"token":"abc"}}]}
        """).Token);

    [Theory]
    [InlineData("exec: {command: aws}", "user.exec: not supported; use a client certificate, a token or a token file")]
    [InlineData("auth-provider: {name: gcp}", "user.auth-provider: not supported")]
    [InlineData("username: admin", "user.username: not supported")]
    [InlineData("token: t, as: admin", "user.as: not supported")]
    [InlineData("", "user: neither a client certificate nor a token; create a kubeconfig with")]
    [InlineData("token: [1]", "user.token: not a string")]
    [InlineData("token: \"a b\"", "user.token: contains no token; provide a one-line bearer token")]
    [InlineData("client-key-data: eHg=", "user.client-certificate: missing; provide both the certificate and its key")]
    [InlineData("client-certificate-data: eHg=", "user.client-key: missing")]
    [InlineData("client-certificate-data: eHg=, client-key-data: eHg=", "user.client-certificate: cannot be used with its key")]
    [InlineData("client-certificate-data: \"%\"", "user.client-certificate-data: not valid base64")]
    public void An_unusable_user_is_rejected_with_the_name_of_its_entry(string user, string expected) =>
        AssertRejected(Config("server: https://192.0.2.1", user), expected);

    [Theory]
    [InlineData("server: http://192.0.2.1", "cluster.server: \"http://192.0.2.1\" is not encrypted; use the API server's address")]
    [InlineData("server: 192.0.2.1", "cluster.server: \"192.0.2.1\" is not an https address")]
    [InlineData("server: https://u:p@192.0.2.1", "has more than a host, a port and a path")]
    [InlineData("", "cluster.server: missing")]
    [InlineData("server: https://192.0.2.1, insecure-skip-tls-verify: true", "cluster.insecure-skip-tls-verify: not supported; remove it")]
    [InlineData("server: https://192.0.2.1, proxy-url: http://proxy", "cluster.proxy-url: not supported")]
    [InlineData("server: https://192.0.2.1, certificate-authority: /nonexistent/ca.crt",
        "cluster.certificate-authority: no such file: /nonexistent/ca.crt")]
    [InlineData("server: https://192.0.2.1, certificate-authority-data: eHg=", "cluster.certificate-authority: contains no certificate")]
    public void An_unusable_cluster_is_rejected_with_the_name_of_its_entry(string cluster, string expected) =>
        AssertRejected(Config(cluster, "token: t"), expected);

    [Theory]
    [InlineData("", "not a YAML mapping")]
    [InlineData("- a", "not a YAML mapping")]
    [InlineData("a: [", "not valid YAML (line")]
    [InlineData("a: 1\na: 2", "duplicate key a on line 2")]
    [InlineData("a: &x 1\nb: *x", "anchor or alias on line 1")]
    [InlineData("a: 1\n---\nb: 2", "more than one YAML document")]
    [InlineData("? [a]\n: b", "key on line 1 is not a string")]
    [InlineData("a: b", "current-context: missing")]
    [InlineData("current-context: c", "contexts: no entry named \"c\"")]
    [InlineData("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]", "clusters: no entry named \"k\"")]
    [InlineData("current-context: c\ncontexts: [{name: c}]", "contexts[c].cluster: missing")]
    public void An_invalid_kubeconfig_is_rejected(string text, string expected) => AssertRejected(text, expected);

    [Fact]
    public void A_missing_token_file_is_named()
    {
        var e = Assert.Throws<KubeconfigException>(() => Read(Config("server: https://192.0.2.1", "tokenFile: none")));
        Assert.StartsWith(_folder.At("none") + ": no such file", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_rejected() => AssertRejected(new string('[', 100_000), "too large or too deeply nested");

    private static string Config(string cluster, string user) => $$$"""
        current-context: c
        contexts: [{name: c, context: {cluster: k, user: u}}]
        clusters: [{name: k, cluster: { {{{cluster}}} }}]
        users: [{name: u, user: { {{{user}}} }}]
        """;

    private Kubeconfig Read(string text, string context = "") => KubeconfigReader.Read(_folder.Write("config", text), context, []);

    private void AssertRejected(string text, string expected)
    {
        var e = Assert.Throws<KubeconfigException>(() => Read(text));
        Assert.StartsWith(_folder.At("config") + ": ", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}
