using System.Collections.Concurrent;
using System.Text.Json;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Ipam;

/// <summary>Runs the IPAM plugin that a network names, found in the runtime's CNI_PATH.</summary>
internal sealed partial class IpamDelegate(TimeSpan limit, ILoggerFactory loggers) : IDisposable
{
    // More at once only compete for the same processors.
    private const int MostProcesses = 16;

    private readonly ILogger _logger = loggers.CreateLogger(LogFeature.Ipam);
    private readonly SemaphoreSlim _slots = new(MostProcesses);
    // Highest version that an executable speaks, by its path and time.
    private readonly ConcurrentDictionary<string, CniVersion?> _versions = new();

    /// <summary>Runs ADD, DEL or CHECK.</summary>
    /// <exception cref="CniException">The plugin's own error with its own code, or why it could not be run.</exception>
    public async Task<IpamOutcome> RunAsync(string command, IpamRequest request)
    {
        string file = Find(request);
        var version = request.Version < CniVersions.NewestDelegate ? request.Version : CniVersions.NewestDelegate;
        var exit = await RunAsync(file, command, request, IpamConfig.For(request, version)).ConfigureAwait(false);
        if (exit.Code != 0 && ReadError(file, exit) is { Code: (int)CniErrorCode.IncompatibleVersion } refusal)
        {
            // An old plugin: it says itself what it knows.
            if (await HighestVersionAsync(file, request).ConfigureAwait(false) is not { } highest || highest >= version)
                throw refusal;
            version = highest;
            exit = await RunAsync(file, command, request, IpamConfig.For(request, version)).ConfigureAwait(false);
        }
        if (exit.Code != 0)
            throw ReadError(file, exit);
        return new IpamOutcome(command == "ADD" ? ReadResult(file, exit) : new CniResult(), exit.ErrorText);
    }

    /// <summary>Error 7 where the plugin is not there at all.</summary>
    public static void Require(IpamRequest request) => Find(request);

    /// <summary>Runs STATUS or GC, which most plugins don't know yet.</summary>
    /// <returns>False when the plugin is too old for it.</returns>
    public async Task<bool> RunIfSupportedAsync(string command, IpamRequest request)
    {
        string file = Find(request);
        if (await HighestVersionAsync(file, request).ConfigureAwait(false) is not CniVersion.V110)
            return false;
        var exit = await RunAsync(file, command, request, request.Config).ConfigureAwait(false);
        if (exit.Code != 0)
            throw ReadError(file, exit);
        return true;
    }

    public void Dispose() => _slots.Dispose();

    private static string Find(IpamRequest request)
    {
        foreach (string directory in request.Path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string file = Path.Combine(directory, request.Type);
            if (Path.IsPathRooted(directory) && File.Exists(file))
                return file;
        }
        throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin \"{request.Type}\" is not in CNI_PATH", request.Path);
    }

    private async Task<IpamProcess.Exit> RunAsync(string file, string command, IpamRequest request, ReadOnlyMemory<byte> config)
    {
        if (!await _slots.WaitAsync(limit).ConfigureAwait(false))
            throw new CniException(CniErrorCode.TryAgainLater, $"{MostProcesses} IPAM plugins are running already, try again later");
        try
        {
            var environment = new Dictionary<string, string>(request.Environment, StringComparer.Ordinal) { ["CNI_COMMAND"] = command };
            LogRun(command, file);
            return await IpamProcess.RunAsync(file, environment, config, limit).ConfigureAwait(false);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task<CniVersion?> HighestVersionAsync(string file, IpamRequest request)
    {
        string stamp = $"{file},{File.GetLastWriteTimeUtc(file).Ticks}";
        if (_versions.TryGetValue(stamp, out var known))
            return known;
        var exit = await RunAsync(file, "VERSION", request, "{\"cniVersion\":\"1.0.0\"}"u8.ToArray()).ConfigureAwait(false);
        CniVersion? highest = null;
        try
        {
            using var document = JsonDocument.Parse(exit.Output);
            foreach (string text in CniJson.Strings(document.RootElement, "supportedVersions", ""))
            {
                if (CniVersions.TryParse(text, out var version) && (highest is null || version > highest))
                    highest = version;
            }
        }
        catch (Exception e) when (e is JsonException or CniException or InvalidOperationException)
        {
            LogNoVersions(file, e.Message);
            return null;
        }
        _versions[stamp] = highest;
        return highest;
    }

    private static CniResult ReadResult(string file, IpamProcess.Exit exit)
    {
        try
        {
            using var document = JsonDocument.Parse(exit.Output);
            return CniResultReader.Read(document.RootElement, "result");
        }
        catch (Exception e) when (e is JsonException or CniException or InvalidOperationException)
        {
            throw new CniException(CniErrorCode.DecodingFailure, $"the IPAM plugin {file} answered with something that is no result", e.Message);
        }
    }

    private static CniException ReadError(string file, IpamProcess.Exit exit)
    {
        string name = Path.GetFileName(file);
        try
        {
            using var document = JsonDocument.Parse(exit.Output);
            var root = document.RootElement;
            if (CniJson.Int(root, "code", "") is { } code)
                return new CniException(CodeOf(code, CniJson.String(root, "msg", "")), $"IPAM plugin {name}: {CniJson.String(root, "msg", "")}", CniJson.String(root, "details", ""));
        }
        catch (Exception e) when (e is JsonException or CniException or InvalidOperationException)
        {
            // No error object: the exit code and what it wrote have to do.
        }
        return new CniException(CniErrorCode.Internal, $"IPAM plugin {name} failed with exit code {exit.Code}", exit.ErrorText.Trim());
    }

    // host-local has one code for everything. A full range clears up when pods go, so the runtime is to come again.
    private static int CodeOf(int code, string message) =>
        code == (int)CniErrorCode.Internal && message.Contains("no IP addresses available", StringComparison.Ordinal) ? (int)CniErrorCode.TryAgainLater : code == 0 ? (int)CniErrorCode.Internal : code;

    [LoggerMessage(LogLevel.Debug, "Running {Command} of {File}")]
    private partial void LogRun(string command, string file);

    [LoggerMessage(LogLevel.Warning, "{File} does not tell the versions that it supports: {Reason}")]
    private partial void LogNoVersions(string file, string reason);
}
