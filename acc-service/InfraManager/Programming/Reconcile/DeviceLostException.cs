namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The target went away or did not answer: what it holds must be read back before anything else is written.</summary>
internal sealed class DeviceLostException(string message, Exception? innerException = null) : Exception(message, innerException);
