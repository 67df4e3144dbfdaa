using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.Security;

/// <summary>
/// The certificate authorities of the system. They are unused: every connection has its own trust bundle. Still, the framework would
/// read all of them for the first certificate chain, which would take half of a cold start.
/// </summary>
internal static partial class SystemTrust
{
    private const string Nowhere = "/nonexistent";

    /// <summary>Points OpenSSL's environment variables to a nonexistent path. Call it before any other thread starts.</summary>
    public static void LeaveUnread()
    {
        // Environment.SetEnvironmentVariable has no effect on native code.
        _ = SetEnvironment("SSL_CERT_DIR", Nowhere, overwrite: 1);
        _ = SetEnvironment("SSL_CERT_FILE", Nowhere, overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
