using System.CommandLine;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The arguments of ctl flows.</summary>
internal sealed class FlowsCommand
{
    private const int MaxLimit = 10_000;

    private readonly Argument<string> _pod = new("pod")
    {
        Description = "NAMESPACE/POD: only flows with this pod at one end",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "",
    };

    private readonly Option<int> _limit = new("--limit")
    {
        Description = $"Show at most N flows, 1 to {MaxLimit}; default: 100",
        HelpName = "N",
        DefaultValueFactory = _ => 100,
    };

    public Command Create() => new("flows", "Shows the live flows that the pipeline tracks") { _pod, _limit };

    /// <exception cref="CtlException">An argument is not valid.</exception>
    public ListFlowsRequest Request(ParseResult parsed)
    {
        var (pod, limit) = (parsed.GetValue(_pod)!, parsed.GetValue(_limit));
        if (pod.Length > 0 && pod.Split('/') is not [{ Length: > 0 }, { Length: > 0 }])
        {
            throw new CtlException($"'{pod}' is not NAMESPACE/POD; 'inframanager ctl endpoints' lists the pods");
        }

        return limit is > 0 and <= MaxLimit
            ? new ListFlowsRequest { Pod = pod, Limit = (uint)limit }
            : throw new CtlException($"--limit {limit} is not 1 to {MaxLimit}");
    }
}
