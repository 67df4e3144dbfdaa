using System.Net;

namespace ACCOffload.Metrics;

/// <summary>Where metrics are served.</summary>
public static class MetricsListen
{
    /// <summary>The configuration key.</summary>
    public const string Key = "Metrics:Listen";

    /// <summary>What to do about an invalid address.</summary>
    public const string Remedy = "give address:port such as 127.0.0.1:50097, or \"\" for none";

    /// <summary>The role in the certificate of a scraper, without the common prefix.</summary>
    public const string ClientRole = "metrics";

    /// <summary>Reads the address; null if metrics are not served.</summary>
    public static IPEndPoint? Read(ConfigurationReader reader) => reader.Value<IPEndPoint?>(Key, "", Parsers.OptionalEndPoint, Remedy);

    /// <summary>Whether only this machine can reach it. On any other address, clients need a certificate.</summary>
    public static bool IsLocal(IPEndPoint listen) => IPAddress.IsLoopback(listen.Address);
}
