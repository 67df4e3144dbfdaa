using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>An error returned by the fake kernel.</summary>
/// <param name="Errno">The error number.</param>
/// <param name="Text">The message of the extended acknowledgement; null for none.</param>
public sealed record FakeError(Errno Errno, string? Text = null);

/// <summary>A request, for tests to inspect.</summary>
/// <param name="Name">
/// "port new", "port del", "port get", "function set", "eswitch get", "eswitch set", "dev get"; "link get", "link set".
/// </param>
/// <param name="Device">The devlink device or the link; empty for all.</param>
/// <param name="Port">The port's index.</param>
public sealed record FakeRequest(string Name, string Device, uint? Port);
