namespace ACCOffload.Image.Tests.Packages;

/// <summary>The tests that share <see cref="BuiltPackages"/>.</summary>
[CollectionDefinition(Name)]
public sealed class PackagesCollection : ICollectionFixture<BuiltPackages>
{
    public const string Name = "packages";
}
