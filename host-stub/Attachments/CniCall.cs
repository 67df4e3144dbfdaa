using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Attachments;

/// <summary>A valid CNI request.</summary>
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

    /// <summary>All variables that the runtime passed to the plugin; delegated plugins get the same.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    public AttachmentKey Key => new(Config.Name, Environment.ContainerId, Environment.InterfaceName);

    /// <summary>A DEL whose container ID, interface or network name no attachment can have, so that there is nothing to remove.</summary>
    public bool HasNothingToRemove => Environment.InvalidName.Length > 0 || !CniNetworkHeader.IsUsableName(Config.Name);

    /// <summary>What delegated plugins wrote to standard error.</summary>
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
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig, $"the network name \"{config.Name}\" is reserved for the host's own interface");
        }
        // A DEL must not fail because of a value that only ADD uses.
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

    /// <param name="ownResult">The result of the IPAM plugin's ADD; its CHECK needs it.</param>
    public IpamRequest ToIpam(CniResult? ownResult = null) =>
        new(Config.IpamType, Environment.Path, Variables, Config.Version, Config.Raw, Config.PrevResult)
        {
            Network = Config.Name,
            OwnResult = ownResult,
        };
}
