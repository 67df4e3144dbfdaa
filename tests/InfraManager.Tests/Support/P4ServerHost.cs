using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>Hosts a fake server on a unix socket; it can be stopped and restarted like a process.</summary>
/// <param name="path">Path of the socket.</param>
/// <param name="server">The object that is injected into the services.</param>
/// <param name="map">Adds the services.</param>
internal sealed class P4ServerHost(string path, object server, Action<WebApplication> map) : IAsyncDisposable
{
    private WebApplication? _app;

    public async Task ListenAsync()
    {
        File.Delete(path);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.ListenUnixSocket(path, l => l.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(server.GetType(), server);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        _app = app;
    }

    public async Task StopAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            using var now = new CancellationTokenSource(TimeSpan.Zero);
            await app.StopAsync(now.Token);
            await app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
