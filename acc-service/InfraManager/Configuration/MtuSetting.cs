namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads an MTU whose default is 0.</summary>
internal static class MtuSetting
{
    private const int Min = 576;
    private const int Max = 9216;

    /// <param name="reader">The configuration.</param>
    /// <param name="key">The key.</param>
    /// <param name="zero">What 0 means, for the remedy: <c>0 for …</c>.</param>
    public static int Read(ConfigurationReader reader, string key, string zero)
    {
        var mtu = (int)reader.Number(key, 0, 0, Max);
        if (mtu is > 0 and < Min)
        {
            reader.Fail(key, $"{mtu}", "is too small", $"give an integer from {Min} to {Max}, or {zero}");
        }

        return mtu;
    }
}
