namespace ACCOffload.Devices.Tests.Machine;

/// <summary>The tests that share the machine.</summary>
[CollectionDefinition("VM")]
public sealed class VmCollection : ICollectionFixture<DeviceMachine>;
