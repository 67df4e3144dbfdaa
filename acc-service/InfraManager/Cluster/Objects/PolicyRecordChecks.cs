using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Checks that a record that was read can be compiled, so that the programmer does not refuse all of its batch.</summary>
internal static class PolicyRecordChecks
{
    /// <exception cref="KubeFormatException">It cannot.</exception>
    public static void Check(FieldReader fields, PolicyObject record)
    {
        try
        {
            PolicyObjectChecks.Check(record);
        }
        catch (IntentException e)
        {
            throw fields.Invalid("", e.Message);
        }
    }
}
