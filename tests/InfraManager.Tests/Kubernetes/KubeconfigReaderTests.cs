using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Tests.Fixtures;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class KubeconfigReaderTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_current_context_is_read_or_the_one_that_is_named()
    {
        const string Two = """
            # Comments, both styles, and unknown entries are fine.
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
    public void Json_is_yaml_too() => Assert.Equal("abc", Read("""
        {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
         "clusters":[{"name":"k","cluster":{"server":"https://192.0.2.1"}}],"users":[{"name":"u","user":{"token":"abc"}}]}
        """).Token);

    [Theory]
    [InlineData("exec: {command: aws}", "user.exec: is not supported here; no program is run for credentials: give a client certificate, a token or a token file")]
    [InlineData("auth-provider: {name: gcp}", "user.auth-provider: is not supported here")]
    [InlineData("username: admin", "user.username: is not supported here")]
    [InlineData("token: t, as: admin", "user.as: is not supported here")]
    [InlineData("", "user: has neither a client certificate nor a token; make a kubeconfig with")]
    [InlineData("token: [1]", "user.token: is no text")]
    [InlineData("token: \"a b\"", "user.token: holds no token; give a bearer token of one line")]
    [InlineData("client-key-data: eHg=", "user.client-certificate: is missing; give the certificate together with its key")]
    [InlineData("client-certificate-data: eHg=", "user.client-key: is missing")]
    [InlineData("client-certificate-data: eHg=, client-key-data: eHg=", "user.client-certificate: or its key can't be used")]
    [InlineData("client-certificate-data: \"%\"", "user.client-certificate-data: is no base64")]
    public void What_a_user_may_not_be_is_refused_by_name(string user, string expected) =>
        Refused(Config("server: https://192.0.2.1", user), expected);

    [Theory]
    [InlineData("server: http://192.0.2.1", "cluster.server: \"http://192.0.2.1\" is not encrypted; give the API server's real address")]
    [InlineData("server: 192.0.2.1", "cluster.server: \"192.0.2.1\" is not an https address")]
    [InlineData("server: https://u:p@192.0.2.1", "has more than a host, a port and a path")]
    [InlineData("", "cluster.server: is missing")]
    [InlineData("server: https://192.0.2.1, insecure-skip-tls-verify: true", "cluster.insecure-skip-tls-verify: is set; remove it")]
    [InlineData("server: https://192.0.2.1, proxy-url: http://proxy", "cluster.proxy-url: is not supported here")]
    [InlineData("server: https://192.0.2.1, certificate-authority: /nonexistent/ca.crt", "cluster.certificate-authority: no such file: /nonexistent/ca.crt")]
    [InlineData("server: https://192.0.2.1, certificate-authority-data: eHg=", "cluster.certificate-authority: has no certificate in it")]
    public void What_a_cluster_may_not_be_is_refused_by_name(string cluster, string expected) =>
        Refused(Config(cluster, "token: t"), expected);

    [Theory]
    [InlineData("", "is no mapping")]
    [InlineData("- a", "is no mapping")]
    [InlineData("a: [", "is not valid YAML (line")]
    [InlineData("a: 1\na: 2", "has the key a twice, in line 2")]
    [InlineData("a: &x 1\nb: *x", "has an anchor or alias in line 1")]
    [InlineData("a: 1\n---\nb: 2", "has more than one document")]
    [InlineData("? [a]\n: b", "has a key that is no text")]
    [InlineData("a: b", "current-context: is missing")]
    [InlineData("current-context: c", "contexts: has none of the name \"c\"")]
    [InlineData("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]", "clusters: has none of the name \"k\"")]
    [InlineData("current-context: c\ncontexts: [{name: c}]", "contexts[c].cluster: is missing")]
    public void What_is_no_kubeconfig_is_told(string text, string expected) => Refused(text, expected);

    [Fact]
    public void A_token_file_that_is_missing_is_named() => Assert.StartsWith(
        _folder.At("none") + ": no such file", Assert.Throws<KubeconfigException>(() => Read(Config("server: https://192.0.2.1", "tokenFile: none"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused() => Refused(new string('[', 100_000), "is too large or too deep");

    private static string Config(string cluster, string user) => $$$"""
        current-context: c
        contexts: [{name: c, context: {cluster: k, user: u}}]
        clusters: [{name: k, cluster: { {{{cluster}}} }}]
        users: [{name: u, user: { {{{user}}} }}]
        """;

    private Kubeconfig Read(string text, string context = "") => KubeconfigReader.Read(_folder.Write("config", text), context, []);

    private void Refused(string text, string expected)
    {
        var e = Assert.Throws<KubeconfigException>(() => Read(text));
        Assert.StartsWith(_folder.At("config") + ": ", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}
