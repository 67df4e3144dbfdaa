namespace ACCOffload.Sandbox.Tests.Units;

public sealed class ExternalTests(ExternalTests.Node node) : UnitTests(node), IClassFixture<ExternalTests.Node>
{
    public sealed class Node : SharedNode
    {
        internal override TargetKind Kind => TargetKind.External;
    }
}
