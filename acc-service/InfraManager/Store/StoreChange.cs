using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Store;

/// <summary>What one piece of state is from now on: an absolute value, so that writing it twice does no harm.</summary>
/// <param name="Key">Which piece.</param>
/// <param name="Value">
/// <see cref="Endpoint"/>, <see cref="AgentState"/>, <see cref="Tombstone"/>, <see cref="ServiceState"/>, <see cref="SnatState"/>, a number or true, after the key's kind; null: it is no more.
/// </param>
internal readonly record struct StoreChange(StateKey Key, object? Value);
