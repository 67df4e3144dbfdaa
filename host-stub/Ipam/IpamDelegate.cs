using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using ACCOffload.FileStamps;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Ipam;

/// <summary>
/// Runs a plugin's executable once, with its environment, input and time limit. <see cref="IpamProcess.RunAsync"/> except in tests.
/// </summary>
internal delegate Task<IpamProcess.Exit> IpamRun(
    string file, IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input, TimeSpan limit);

/// <summary>Runs a network's IPAM plugin, which is searched for in the runtime's CNI_PATH.</summary>
internal sealed partial class IpamDelegate(TimeSpan limit, ILoggerFactory loggers, IpamRun? run = null)
{
    // More would only compete for the same processors.
    private const int MaxProcesses = 16;

    // Limits a network whose plugin hangs; each network may always run one.
    private const int MaxPerNetwork = 8;

    private readonly IpamRun _run = run ?? IpamProcess.RunAsync;
    private readonly ILogger _logger = loggers.CreateLogger(LogFeature.Ipam);
    private readonly NetworkSlots _slots = new(MaxProcesses, MaxPerNetwork);
    // The highest CNI version that each executable supports, by its path and stamp.
    private readonly ConcurrentDictionary<(string File, FileStamp Stamp), CniVersion?> _versions = new();

    /// <summary>Runs ADD, DEL or CHECK.</summary>
    /// <exception cref="CniException">The plugin's error with its code, or why the plugin could not be run.</exception>
    public async Task<IpamOutcome> RunAsync(string command, IpamRequest request)
    {
        var file = Find(request);
        var version = request.Version < CniVersions.NewestDelegate ? request.Version : CniVersions.NewestDelegate;
        var exit = await RunAsync(file, command, request, IpamConfig.For(request, version));
        if (exit.Code != 0 && ReadError(file, exit) is { Code: (int)CniErrorCode.IncompatibleVersion } refusal)
        {
            // An old plugin: ask which versions it supports.
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

    /// <summary>Checks that the plugin exists.</summary>
    /// <exception cref="CniException">Error 7: it does not.</exception>
    public static void Require(IpamRequest request) => Find(request);

    /// <summary>Runs STATUS or GC, which many plugins do not support yet.</summary>
    /// <returns>False when the plugin is too old to support it.</returns>
    /// <param name="command">STATUS or GC.</param>
    /// <param name="request">The plugin's input.</param>
    /// <param name="within">Time limit for the whole call. When it expires, the plugin is killed and the call fails with error 11.</param>
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

    private async Task<IpamProcess.Exit> RunAsync(
        string file, string command, IpamRequest request, ReadOnlyMemory<byte> config, TimeSpan? within = null)
    {
        var timeLimit = within is { } given && given < limit ? given : limit;
        var started = Stopwatch.GetTimestamp();
        using var slot = await _slots.EnterAsync(request.Network, timeLimit)
            ?? throw new CniException(
                CniErrorCode.TryAgainLater,
                $"network {request.Network} already has {_slots.RunningOf(request.Network)} IPAM plugin processes running; try again later",
                $"the limits are {MaxPerNetwork} per network and {MaxProcesses} in total");
        // The wait counts: the caller's own limit is not longer.
        var left = timeLimit - Stopwatch.GetElapsedTime(started);
        if (left <= TimeSpan.Zero)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"no time is left to run the IPAM plugin {file}; try again later");
        }

        var environment = new Dictionary<string, string>(request.Environment, StringComparer.Ordinal) { ["CNI_COMMAND"] = command };
        LogRun(command, file);
        return await _run(file, environment, config, left);
    }

    private async Task<CniVersion?> HighestVersionAsync(string file, IpamRequest request, TimeSpan? within = null)
    {
        var key = (file, FileStamp.Of(file));
        if (_versions.TryGetValue(key, out var known))
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
        _versions[key] = highest;
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
            throw new CniException(CniErrorCode.DecodingFailure, $"the IPAM plugin {file} did not return a valid result", e.Message);
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
                return new CniException(
                    CodeOf(code, CniJson.String(root, "msg", "")),
                    $"IPAM plugin {name}: {CniJson.String(root, "msg", "")}",
                    CniJson.String(root, "details", ""))
                {
                    FromDelegate = true,
                };
            }
        }
        catch (Exception e) when (e is JsonException or CniException or InvalidOperationException)
        {
            // No error object: report the exit code and standard error.
        }
        return new CniException(CniErrorCode.Internal, $"IPAM plugin {name} failed with exit code {exit.Code}", exit.ErrorText.Trim());
    }

    // host-local has one code for everything. A full range may have free addresses later, so the runtime should try again.
    private static int CodeOf(int code, string message) =>
        code == (int)CniErrorCode.Internal && message.Contains("no IP addresses available", StringComparison.Ordinal)
            ? (int)CniErrorCode.TryAgainLater
            : code == 0
            ? (int)CniErrorCode.Internal
            : code;

    [LoggerMessage(LogLevel.Debug, "Running {File} with CNI_COMMAND={Command}")]
    private partial void LogRun(string command, string file);

    [LoggerMessage(LogLevel.Warning, "{File} does not report the versions that it supports: {Reason}")]
    private partial void LogNoVersions(string file, string reason);
}
