namespace ACCOffload.InfraManager.Configuration;

/// <summary>The features whose log level can be configured; each is a logger category.</summary>
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
    public const string Felix = "Felix";
    public const string Policy = "Policy";
    public const string ArpProxy = "ArpProxy";
    public const string Uplink = "Uplink";

    public static LogFeatures Log { get; } = new(
        [Api, Security, Programmer, Target, Store, SoftTarget, Control, Config, Host, Kubernetes, Felix, Policy, ArpProxy, Uplink],
        Host);
}
