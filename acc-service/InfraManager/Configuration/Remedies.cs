namespace ACCOffload.InfraManager.Configuration;

/// <summary>Remedies that several keys share.</summary>
internal static class Remedies
{
    public const string Path = "give an absolute path";
    public const string Address = "give an IP address such as 192.0.2.10";
    public const string Range = "give a range such as 10.244.1.0/24";
}
