namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The target disconnected or did not answer: it must be read back before anything else is written.</summary>
internal sealed class DeviceLostException(string message, Exception? innerException = null) : Exception(message, innerException);
