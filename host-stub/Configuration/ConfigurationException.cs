namespace ACCOffload.HostStub.Configuration;

/// <summary>A configuration that can't be used; the message is one line: file, key, value, reason.</summary>
internal sealed class ConfigurationException(string message) : Exception(message);
