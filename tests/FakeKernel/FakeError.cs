using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Fakes;

/// <summary>An error that the fake kernel answers.</summary>
/// <param name="Errno">Its number.</param>
/// <param name="Text">The words of its extended acknowledgement; null for none.</param>
public sealed record FakeError(Errno Errno, string? Text = null);

/// <summary>A request as a test judges it.</summary>
/// <param name="Name">"port new", "port del", "port get", "function set", "eswitch get", "eswitch set", "info get", "rate get", "rate set", "dev get"; "link get", "link set".</param>
/// <param name="Device">The devlink device or the link; empty for all.</param>
/// <param name="Port">The port's index.</param>
public sealed record FakeRequest(string Name, string Device, uint? Port);
