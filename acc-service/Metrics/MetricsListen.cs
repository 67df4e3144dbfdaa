using System.Net;

namespace ACCOffload.Metrics;

/// <summary>Where a daemon's metrics are served.</summary>
public static class MetricsListen
{
    /// <summary>The key.</summary>
    public const string Key = "Metrics:Listen";

    /// <summary>What to do about a wrong one.</summary>
    public const string Remedy = "give address:port such as 127.0.0.1:50097, or \"\" for none";

    /// <summary>Reads the address; null where metrics are not served.</summary>
    public static IPEndPoint? Read(ConfigurationReader reader) => reader.Value<IPEndPoint?>(Key, "", Parsers.OptionalEndPoint, Remedy);

    /// <summary>Whether only this machine can reach it. Any other address is served to clients with a certificate only.</summary>
    public static bool IsLocal(IPEndPoint listen) => IPAddress.IsLoopback(listen.Address);
}
