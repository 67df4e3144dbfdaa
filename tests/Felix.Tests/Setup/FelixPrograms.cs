namespace ACCOffload.Felix.Tests.Setup;

/// <summary>The programs of others that these tests run; the environment says where they are.</summary>
internal static class FelixPrograms
{
    public const string FelixVariable = "ACCOFFLOAD_TEST_FELIX";
    public const string EtcdVariable = "ACCOFFLOAD_TEST_ETCD";

    /// <summary>The command of Calico's Felix, without arguments.</summary>
    public static string Felix => Environment.GetEnvironmentVariable(FelixVariable) ?? "";

    /// <summary>The command of etcd 3.4 or later.</summary>
    public static string Etcd => Environment.GetEnvironmentVariable(EtcdVariable) is { Length: > 0 } command ? command : "/usr/bin/etcd";

    /// <summary>Why they cannot run here; null if they can.</summary>
    public static string? Missing => Felix.Length == 0
        ? $"needs {FelixVariable}, the command of Calico's Felix"
        : File.Exists(Etcd) ? null : $"needs etcd ({Etcd} is missing; package etcd-server, or set {EtcdVariable})";
}
