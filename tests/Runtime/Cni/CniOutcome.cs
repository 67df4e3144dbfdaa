using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>What a plugin's run gave, judged by the CNI specification's section 5.</summary>
internal sealed class CniOutcome(string what, ShellResult run)
{
    public int ExitCode => run.ExitCode;

    public string Output => run.Output;

    public string ErrorText => run.Error;

    /// <summary>A success; null where the command has no output.</summary>
    public JsonObject? Succeeded()
    {
        Assert.True(run.ExitCode == 0, $"{what}: exit code {run.ExitCode}\n{run.Output}\n{run.Error}");
        return run.Output.Length == 0 ? null : JsonNode.Parse(run.Output)!.AsObject();
    }

    /// <summary>A success with a result, as ADD and VERSION have it.</summary>
    public JsonObject Result()
    {
        var result = Succeeded();
        Assert.True(result is not null, $"{what}: no result");
        return result!;
    }

    /// <summary>A success that prints nothing, as DEL, CHECK, GC and STATUS have it.</summary>
    public void IsSilent()
    {
        Succeeded();
        Assert.True(run.Output.Trim().Length == 0, $"{what}: prints {run.Output}");
    }

    /// <summary>
    /// A failure with the specification's error object: exit code not 0, the object alone on standard output, the keys that there are and no others,
    /// the configuration's version, a reserved code or one of the plugin's own, and a message.
    /// </summary>
    public CniError Failed(int code, string version = "1.1.0")
    {
        Assert.True(run.ExitCode != 0, $"{what}: succeeds with {run.Output}");
        JsonObject error;
        try
        {
            error = JsonNode.Parse(run.Output)!.AsObject();
        }
        catch (JsonException)
        {
            throw new Xunit.Sdk.XunitException($"{what}: standard output is no error object: {run.Output}\n{run.Error}");
        }

        Assert.Empty(error.Select(pair => pair.Key).Except(["cniVersion", "code", "msg", "details"]));
        var parsed = new CniError((int?)error["code"] ?? -1, (string?)error["msg"] ?? "", (string?)error["details"] ?? "");
        Assert.True(parsed.Code == code, $"{what}: code {code} is expected, not {run.Output}");
        Assert.True(parsed.Message.Length > 0, $"{what}: no message");
        Assert.True((string?)error["cniVersion"] == version, $"{what}: cniVersion {version} is expected, not {run.Output}");
        return parsed;
    }
}

internal sealed record CniError(int Code, string Message, string Details)
{
    public string Text => $"{Message} {Details}";
}
