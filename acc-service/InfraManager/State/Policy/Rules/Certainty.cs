namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>Whether something holds, where not everything is known. The order matters: AND is the minimum, OR the maximum.</summary>
internal enum Certainty
{
    No = 0,
    Maybe = 1,
    Yes = 2,
}
