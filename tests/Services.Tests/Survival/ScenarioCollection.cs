namespace ACCOffload.Services.Tests.Survival;

/// <summary>The classes that share <see cref="BothNodes"/>.</summary>
[CollectionDefinition(nameof(BothNodes))]
public sealed class ScenarioCollection : ICollectionFixture<BothNodes>;
