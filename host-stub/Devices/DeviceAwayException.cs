namespace ACCOffload.HostStub.Devices;

/// <summary>The device is in nobody's hands and not back yet: its namespace is just ending, or somebody keeps it alive. It is looked for again.</summary>
internal sealed class DeviceAwayException(string device) : Exception($"{device} is not back yet");
