using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.Security;

/// <summary>
/// The system's certificate authorities, whom nobody here believes: every connection has a bundle of its own. The framework reads all of them
/// nevertheless, with the first certificate chain that it looks at, and that is half of a cold start.
/// </summary>
internal static partial class SystemTrust
{
    private const string Nowhere = "/nonexistent";

    /// <summary>Points OpenSSL's variables at nothing, whatever they were. Before any other thread is there.</summary>
    public static void LeaveUnread()
    {
        // Not Environment.SetEnvironmentVariable: native code does not see that one.
        _ = SetEnvironment("SSL_CERT_DIR", Nowhere, overwrite: 1);
        _ = SetEnvironment("SSL_CERT_FILE", Nowhere, overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
