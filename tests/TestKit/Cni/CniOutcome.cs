using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Cni;

/// <summary>The outcome of a plugin's run, checked against section 5 of the CNI specification.</summary>
public sealed class CniOutcome(string what, ShellResult run)
{
    public int ExitCode => run.ExitCode;

    public string Output => run.Output;

    public string ErrorText => run.Error;

    /// <summary>Expects success; null if there is no output.</summary>
    public JsonObject? Succeeded()
    {
        Assert.True(run.ExitCode == 0, $"{what}: exit code {run.ExitCode}\n{run.Output}\n{run.Error}");
        return run.Output.Length == 0 ? null : JsonNode.Parse(run.Output)!.AsObject();
    }

    /// <summary>Expects success with a result, as for ADD and VERSION.</summary>
    public JsonObject Result()
    {
        var result = Succeeded();
        Assert.True(result is not null, $"{what}: no result");
        return result!;
    }

    /// <summary>Expects success without output, as for DEL, CHECK, GC and STATUS.</summary>
    public void IsSilent()
    {
        Succeeded();
        Assert.True(run.Output.Trim().Length == 0, $"{what}: prints {run.Output}");
    }

    /// <summary>
    /// Expects failure with the specification's error object: exit code 1, only the object on standard output, no unknown keys, the
    /// configuration's version, the given code and a message.
    /// </summary>
    public CniError Failed(int code, string version = "1.1.0")
    {
        Assert.True(run.ExitCode == 1, $"{what}: exit code {run.ExitCode} with {run.Output}");
        JsonObject error;
        try
        {
            error = JsonNode.Parse(run.Output)!.AsObject();
        }
        catch (JsonException)
        {
            throw new Xunit.Sdk.XunitException($"{what}: standard output is not an error object: {run.Output}\n{run.Error}");
        }

        Assert.Empty(error.Select(pair => pair.Key).Except(["cniVersion", "code", "msg", "details"]));
        var parsed = new CniError((int?)error["code"] ?? -1, (string?)error["msg"] ?? "", (string?)error["details"] ?? "");
        Assert.True(parsed.Code == code, $"{what}: expected code {code}, got {run.Output}");
        Assert.True(parsed.Message.Length > 0, $"{what}: no message");
        Assert.True((string?)error["cniVersion"] == version, $"{what}: expected cniVersion {version}, got {run.Output}");
        return parsed;
    }
}

public sealed record CniError(int Code, string Message, string Details)
{
    public string Text => $"{Message} {Details}";
}
