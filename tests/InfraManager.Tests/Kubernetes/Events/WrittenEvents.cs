using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>Takes the Events that are written to an API server, which has to serve nothing else meanwhile but what it does anyway.</summary>
internal sealed class WrittenEvents
{
    private const string Group = "/apis/events.k8s.io/v1/namespaces/";

    public WrittenEvents(FakeApiServer server) => server.Intercept = TakeAsync;

    public ConcurrentQueue<(string Method, string Path, string? ContentType, JsonObject Body)> All { get; } = new();

    /// <summary>The answer to a request: 201 for a created one unless told.</summary>
    public Func<HttpRequest, int> Code { get; set; } = r => r.Method == "POST" ? 201 : 200;

    public int Posted => All.Count(e => e.Method == "POST");

    private async Task<bool> TakeAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments(Group.TrimEnd('/')))
        {
            return false;
        }

        using var reader = new StreamReader(context.Request.Body);
        All.Enqueue((context.Request.Method, context.Request.Path.Value!, context.Request.ContentType, (JsonObject)JsonNode.Parse(await reader.ReadToEndAsync())!));
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
