using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Ipam;

/// <summary>Runs a plugin's executable once: its environment, its input and its limit; <see cref="IpamProcess.RunAsync"/> outside of tests.</summary>
internal delegate Task<IpamProcess.Exit> IpamRun(string file, IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input, TimeSpan limit);

/// <summary>Runs the IPAM plugin that a network names, found in the runtime's CNI_PATH.</summary>
internal sealed partial class IpamDelegate(TimeSpan limit, ILoggerFactory loggers, IpamRun? run = null)
{
    // More at once only compete for the same processors.
    private const int MostProcesses = 16;

    // One network's plugin that hangs takes no more than this, and each network may always run one.
    private const int MostOfNetwork = 8;

    private readonly IpamRun _run = run ?? IpamProcess.RunAsync;
    private readonly ILogger _logger = loggers.CreateLogger(LogFeature.Ipam);
    private readonly NetworkSlots _slots = new(MostProcesses, MostOfNetwork);
    // Highest version that an executable speaks, by its path and time.
    private readonly ConcurrentDictionary<string, CniVersion?> _versions = new();

    /// <summary>Runs ADD, DEL or CHECK.</summary>
    /// <exception cref="CniException">The plugin's own error with its own code, or why it could not be run.</exception>
    public async Task<IpamOutcome> RunAsync(string command, IpamRequest request)
    {
        var file = Find(request);
        var version = request.Version < CniVersions.NewestDelegate ? request.Version : CniVersions.NewestDelegate;
        var exit = await RunAsync(file, command, request, IpamConfig.For(request, version));
        if (exit.Code != 0 && ReadError(file, exit) is { Code: (int)CniErrorCode.IncompatibleVersion } refusal)
        {
            // An old plugin: it says itself what it knows.
            if (await HighestVersionAsync(file, request) is not { } highest || highest >= version)
            {
                throw refusal;
            }

            version = highest;
            exit = await RunAsync(file, command, request, IpamConfig.For(request, version));
        }
        if (exit.Code != 0)
        {
            throw ReadError(file, exit);
        }

        return new IpamOutcome(command == "ADD" ? ReadResult(file, exit) : new CniResult(), exit.ErrorText);
    }

    /// <summary>Error 7 where the plugin is not there at all.</summary>
    public static void Require(IpamRequest request) => Find(request);

    /// <summary>Runs STATUS or GC, which most plugins don't know yet.</summary>
    /// <returns>False when the plugin is too old for it.</returns>
    /// <param name="command">STATUS or GC.</param>
    /// <param name="request">What the plugin is run with.</param>
    /// <param name="within">Limit of the whole; the plugin is killed then, with error 11.</param>
    public async Task<bool> RunIfSupportedAsync(string command, IpamRequest request, TimeSpan within)
    {
        var file = Find(request);
        var started = Stopwatch.GetTimestamp();
        if (await HighestVersionAsync(file, request, within) is not CniVersion.V110)
        {
            return false;
        }

        var exit = await RunAsync(file, command, request, request.Config, within - Stopwatch.GetElapsedTime(started));
        if (exit.Code != 0)
        {
            throw ReadError(file, exit);
        }

        return true;
    }

    private static string Find(IpamRequest request)
    {
        foreach (var directory in request.Path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var file = Path.Combine(directory, request.Type);
            if (Path.IsPathRooted(directory) && File.Exists(file))
            {
                return file;
            }
        }
        throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin \"{request.Type}\" is not in CNI_PATH", request.Path);
    }

    private async Task<IpamProcess.Exit> RunAsync(string file, string command, IpamRequest request, ReadOnlyMemory<byte> config, TimeSpan? within = null)
    {
        var most = within is { } given && given < limit ? given : limit;
        using var slot = await _slots.EnterAsync(request.Network, most)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"the network {request.Network} has {_slots.RunningOf(request.Network)} runs of its IPAM plugin under way, try again later",
                $"at most {MostOfNetwork} of one network and {MostProcesses} of all run at once");
        var environment = new Dictionary<string, string>(request.Environment, StringComparer.Ordinal) { ["CNI_COMMAND"] = command };
        LogRun(command, file);
        return await _run(file, environment, config, most);
    }

    private async Task<CniVersion?> HighestVersionAsync(string file, IpamRequest request, TimeSpan? within = null)
    {
        var stamp = $"{file},{File.GetLastWriteTimeUtc(file).Ticks}";
        if (_versions.TryGetValue(stamp, out var known))
        {
            return known;
        }

        var exit = await RunAsync(file, "VERSION", request, "{\"cniVersion\":\"1.0.0\"}"u8.ToArray(), within);
        CniVersion? highest = null;
        try
        {
            using var document = JsonDocument.Parse(exit.Output);
            foreach (var text in CniJson.Strings(document.RootElement, "supportedVersions", ""))
            {
                if (CniVersions.TryParse(text, out var version) && (highest is null || version > highest))
                {
                    highest = version;
                }
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
        var name = Path.GetFileName(file);
        try
        {
            using var document = JsonDocument.Parse(exit.Output);
            var root = document.RootElement;
            if (CniJson.Int(root, "code", "") is { } code)
            {
                return new CniException(CodeOf(code, CniJson.String(root, "msg", "")), $"IPAM plugin {name}: {CniJson.String(root, "msg", "")}", CniJson.String(root, "details", "")) { OfDelegate = true };
            }
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
