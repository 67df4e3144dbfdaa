namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>One target with the conformance pipeline for the tests of a class, which run sequentially.</summary>
public sealed class ConformanceFixture : IAsyncLifetime
{
    internal TestTarget Target { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Target = await TestTarget.StartAsync(TestPipeline.Conformance);

    public async ValueTask DisposeAsync() => await Target.DisposeAsync();
}
