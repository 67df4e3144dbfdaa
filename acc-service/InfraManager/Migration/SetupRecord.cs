namespace ACCOffload.InfraManager.Migration;

/// <summary>What 24.01's manager remembers of the node. Property names are those of the file.</summary>
/// <param name="HostInterface">The host's interface into the pipeline; empty texts before the agent's first start.</param>
/// <param name="SetDefaultRule">Whether the row for the gateway was written.</param>
internal sealed record SetupRecord(InterfaceRecord HostInterface, bool SetDefaultRule);

/// <summary>An interface of the host.</summary>
internal sealed record InterfaceRecord(string Ip, string Mac);
