namespace ACCOffload.Sandbox.Tests.Units;

public sealed class EmbeddedTests(EmbeddedTests.Node node) : UnitTests(node), IClassFixture<EmbeddedTests.Node>
{
    public sealed class Node : SharedNode
    {
        internal override TargetKind Kind => TargetKind.Embedded;
    }
}
