namespace ACCOffload.InfraManager.Conditions;

/// <summary>The conditions' names, in the order in which they are shown.</summary>
internal static class ConditionNames
{
    public const string Store = "Store";
    public const string Target = "Target";
    public const string Pipeline = "Pipeline";
    public const string Tables = "Tables";
    public const string Ports = "Ports";
    public const string HostInterface = "HostInterface";
    public const string Watch = "Watch";
    public const string Certificates = "Certificates";
}
