using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Evaluation;

/// <summary>
/// The reference: what the policies say about one packet, by reading them from the first tier to the last. It is slow and knows nothing of
/// classes and tables, so that the tables can be checked against it.
/// </summary>
internal static class PolicyEvaluator
{
    public static PolicyVerdict Judge(PolicyModel model, EndpointPolicy endpoint, PolicyDirection direction, PolicyPacket packet) =>
        new EndpointEvaluator(model, endpoint, direction).Judge(packet);
}
