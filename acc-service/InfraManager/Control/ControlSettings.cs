namespace ACCOffload.InfraManager.Control;

/// <summary>The socket of inframanager ctl.</summary>
internal sealed record ControlSettings(string Socket);
