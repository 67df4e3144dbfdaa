namespace ACCOffload.InfraManager.Store;

/// <summary>The database of the desired state.</summary>
internal sealed record StoreSettings(string Path);
