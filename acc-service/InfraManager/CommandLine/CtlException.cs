namespace ACCOffload.InfraManager.CommandLine;

/// <summary>Something that ctl tells the user in one line.</summary>
internal sealed class CtlException(string message) : Exception(message);
