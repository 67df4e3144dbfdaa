namespace ACCOffload.InfraManager.Configuration;

/// <summary>The log's features: what a level can be given to.</summary>
internal static class Features
{
    public const string Api = "Api";
    public const string Security = "Security";
    public const string Programmer = "Programmer";
    public const string Target = "Target";
    public const string Store = "Store";
    public const string SoftTarget = "SoftTarget";
    public const string Control = "Control";
    public const string Config = "Config";
    public const string Host = "Host";
    public const string Kubernetes = "Kubernetes";

    public static IReadOnlyList<string> All { get; } = [Api, Security, Programmer, Target, Store, SoftTarget, Control, Config, Host, Kubernetes];
}
