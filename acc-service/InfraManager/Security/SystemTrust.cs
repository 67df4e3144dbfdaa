using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.Security;

/// <summary>
/// The certificate authorities of the system. They are unused: every connection has its own trust bundle. Still, the framework reads all of
/// them when it checks the first certificate chain, which would be half of a cold start.
/// </summary>
internal static partial class SystemTrust
{
    private const string Nowhere = "/nonexistent";

    /// <summary>Points the variables of OpenSSL to a nonexistent path. Call it before any other thread exists.</summary>
    public static void LeaveUnread()
    {
        // Native code does not see what Environment.SetEnvironmentVariable sets.
        _ = SetEnvironment("SSL_CERT_DIR", Nowhere, overwrite: 1);
        _ = SetEnvironment("SSL_CERT_FILE", Nowhere, overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
