using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ACCOffload.TestKit.Cluster;

/// <summary>Text of a kubeconfig with one context.</summary>
public static class KubeconfigText
{
    public const string Token = "let-me-in";

    /// <param name="server">https://ADDRESS:PORT</param>
    /// <param name="authority">The CA of the server certificate.</param>
    /// <param name="user">A line for the user entry.</param>
    /// <param name="cluster">An additional line for the cluster entry.</param>
    public static string Of(string server, X509Certificate2 authority, string user = $"token: {Token}", string cluster = "") => $"""
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - name: here
          context: @cluster: c, user: u%
        clusters:
        - name: c
          cluster:
            server: {server}
            certificate-authority-data: {Convert.ToBase64String(Encoding.UTF8.GetBytes(authority.ExportCertificatePem()))}
            {cluster}
        users:
        - name: u
          user:
            {user}
        """.Replace('@', '{').Replace('%', '}');
}
