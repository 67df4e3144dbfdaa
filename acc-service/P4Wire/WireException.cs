namespace ACCOffload.P4Wire;

/// <summary>The bytes are not a valid protobuf message, or do not fit the pipeline.</summary>
internal sealed class WireException(string message) : Exception(message);
