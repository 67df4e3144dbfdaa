using System.Globalization;

namespace ACCOffload.Sandbox.Tests.Units;

/// <summary>The contents of /proc/PID/status.</summary>
internal sealed class ProcessStatus(string text)
{
    private readonly Dictionary<string, string> _fields = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim());

    public int UserId => int.Parse(_fields["Uid"].Split('\t')[0], CultureInfo.InvariantCulture);

    public bool NoNewPrivileges => _fields["NoNewPrivs"] == "1";

    /// <summary>Whether system calls are filtered; the machine itself has no filters.</summary>
    public bool Filtered => _fields["Seccomp"] == "2";

    public string Effective => Names(_fields["CapEff"]);

    public string Permitted => Names(_fields["CapPrm"]);

    public string Bounding => Names(_fields["CapBnd"]);

    // Capability numbers of linux/capability.h that the units use.
    private static string Names(string mask)
    {
        var bits = ulong.Parse(mask, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return string.Join(' ', Enumerable.Range(0, 64).Where(bit => (bits >> bit & 1) != 0)
            .Select(bit => bit switch
            {
                1 => "dac_override",
                12 => "net_admin",
                13 => "net_raw",
                19 => "sys_ptrace",
                21 =>
                "sys_admin",
                _ => $"{bit}"
            }));
    }
}
