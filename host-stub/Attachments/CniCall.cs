using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Attachments;

/// <summary>One CNI request, checked.</summary>
internal sealed class CniCall
{
    private readonly StringBuilder _errorText = new();

    private CniCall(CniEnvironment environment, CniNetworkConfig config, CniArgs args, IReadOnlyDictionary<string, string> variables)
    {
        Environment = environment;
        Config = config;
        Args = args;
        Variables = variables;
    }

    public CniEnvironment Environment { get; }

    public CniNetworkConfig Config { get; }

    public CniArgs Args { get; }

    /// <summary>Everything that the runtime gave the plugin; a delegated plugin gets the same.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    public AttachmentKey Key => new(Config.Name, Environment.ContainerId, Environment.InterfaceName);

    /// <summary>A DEL of names under which nothing can exist.</summary>
    public bool IsVoid => Environment.NothingExists.Length > 0 || !CniNetworkHeader.IsUsableName(Config.Name);

    /// <summary>What delegated plugins wrote for people to read.</summary>
    public string ErrorText
    {
        get
        {
            lock (_errorText)
            {
                return _errorText.ToString();
            }
        }
    }

    public static CniCall Read(AgentRequest request)
    {
        var environment = CniEnvironment.Read(name => request.Environment.GetValueOrDefault(name));
        var removal = environment.Command == "DEL";
        var config = removal ? CniNetworkConfig.ForRemoval(request.Stdin) : CniNetworkConfig.Parse(request.Stdin, environment.Command);
        if (!removal && config.Name == AttachmentKey.HostNetwork)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the network name \"{config.Name}\" is reserved for the host's own interface");
        }
        // A DEL must not fail for what only ADD makes use of.
        var args = environment.Command == "ADD" ? CniArgs.Parse(environment.Args) : default;
        return new CniCall(environment, config, args, request.Environment);
    }

    public void AddErrorText(string text)
    {
        lock (_errorText)
        {
            _errorText.Append(text);
        }
    }

    /// <param name="ownResult">What the plugin had returned, for its CHECK.</param>
    public IpamRequest ToIpam(CniResult? ownResult = null) =>
        new(Config.IpamType, Environment.Path, Variables, Config.Version, Config.Raw, Config.PrevResult) { Network = Config.Name, OwnResult = ownResult };
}
