using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cluster;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Events;

/// <summary>Records the events written to a fake API server; other requests are served as usual.</summary>
internal sealed class WrittenEvents
{
    private const string Group = "/apis/events.k8s.io/v1/namespaces/";

    public WrittenEvents(FakeApiServer server) => server.Intercept = RecordAsync;

    public ConcurrentQueue<(string Method, string Path, string? ContentType, JsonObject Body)> All { get; } = new();

    /// <summary>Returns the status code for a request; 201 for a POST by default.</summary>
    public Func<HttpRequest, int> Code { get; set; } = r => r.Method == "POST" ? 201 : 200;

    public int Posted => All.Count(e => e.Method == "POST");

    private async Task<bool> RecordAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments(Group.TrimEnd('/')))
        {
            return false;
        }

        using var reader = new StreamReader(context.Request.Body);
        var body = (JsonObject)JsonNode.Parse(await reader.ReadToEndAsync())!;
        All.Enqueue((context.Request.Method, context.Request.Path.Value!, context.Request.ContentType, body));
        var code = Code(context.Request);
        if (code >= 300)
        {
            await FakeApiServer.FailAsync(context, code, code == 403 ? "Forbidden" : "Other", "not now");
        }
        else
        {
            await FakeApiServer.WriteAsync(context, code, "{}");
        }

        return true;
    }
}
