namespace ACCOffload.Devices.Tests.Machine;

/// <summary>Tests that share the machine.</summary>
[CollectionDefinition("VM")]
public sealed class VmCollection : ICollectionFixture<DeviceMachine>;
