namespace ACCOffload.Image.Tests.Packages;

/// <summary>`make package`: what a .deb, an .rpm and a tarball install into a clean root file system, and what they leave.</summary>
[Collection(PackagesCollection.Name)]
public sealed class PackageTests(BuiltPackages packages, ITestOutputHelper output)
{
    // What systemd-sysusers leaves; users stay by Debian's and Fedora's rules, since files may belong to them.
    private static readonly string[] Accounts = ["etc/group", "etc/gshadow", "etc/passwd", "etc/shadow", "etc/group-", "etc/gshadow-", "etc/passwd-", "etc/shadow-", "etc/.pwd.lock"];

    private static readonly PackageKind[] Kinds = [PackageKind.Deb, PackageKind.Rpm, PackageKind.Tarball];

    [PackageFact]
    public Task All_three_of_inframanager_install_the_same_and_leave_the_same() =>
        CompareAsync("inframanager", "inframanager.service", "etc/accoffload/inframanager.json", "/usr/bin/inframanager");

    [PackageFact]
    public Task All_three_of_host_stub_install_the_same_and_leave_the_same() =>
        CompareAsync("host-stub", "host-stub-agent.service", "etc/accoffload/host-stub.json", "/opt/cni/bin/accoffload");

    [PackageFact]
    public async Task The_same_commit_gives_the_same_bytes()
    {
        var again = Directory.CreateTempSubdirectory("accoffload-packages-");
        try
        {
            await BuiltPackages.BuildAsync(again.FullName, "--component", "host-stub");
            var first = await File.ReadAllLinesAsync(packages.File("SHA256SUMS"));
            var second = await File.ReadAllLinesAsync(Path.Combine(again.FullName, "SHA256SUMS"));
            Assert.Equal(3, second.Length);
            Assert.Equal(first.Where(line => line.Contains("host-stub", StringComparison.Ordinal)), second);
        }
        finally
        {
            again.Delete(recursive: true);
        }
    }

    private async Task CompareAsync(string component, string unit, string configuration, string program)
    {
        var installed = new List<IReadOnlyList<string>>();
        var left = new List<IReadOnlyList<string>>();
        foreach (var kind in Kinds)
        {
            await using var root = await CleanRoot.MakeAsync();
            var clean = await root.ListAsync();

            await root.InstallAsync(kind, packages, component);
            installed.Add(CleanRoot.Changes(clean, await root.ListAsync()));
            Assert.Contains("0.", (await root.RunAsync(program.StartsWith("/opt", StringComparison.Ordinal) ? "/usr/bin/host-stub" : program, "--version")).MustSucceed().Output);
            // It knows its user and is not started by being installed.
            (await root.RunAsync("systemd-analyze", "verify", "--man=no", unit)).MustSucceed();
            Assert.Equal("disabled", (await root.RunAsync("systemctl", "is-enabled", unit)).Output.Trim());

            // Configuration that was changed survives a removal and a second installation.
            (await root.RunAsync("systemctl", "enable", unit)).MustSucceed();
            await File.AppendAllTextAsync(root.At(configuration), "// ours\n");
            await root.RemoveAsync(kind, component, purge: false);
            Assert.Equal("not-found", (await root.RunAsync("systemctl", "is-enabled", unit)).Output.Trim() is { Length: > 0 } state ? state : "not-found");
            var kept = root.At(kind == PackageKind.Rpm ? configuration + ".rpmsave" : configuration);
            Assert.EndsWith("// ours\n", await File.ReadAllTextAsync(kept));
            await root.InstallAsync(kind, packages, component);
            if (kind != PackageKind.Rpm)
            {
                Assert.EndsWith("// ours\n", await File.ReadAllTextAsync(root.At(configuration)));
            }

            File.Delete(root.At(configuration + ".rpmsave"));
            await root.RemoveAsync(kind, component, purge: true);
            var after = CleanRoot.Changes(clean, await root.ListAsync()).Where(change => !Accounts.Contains(change.Split(' ')[1])).ToList();
            // rpm knows no purge: the folders for certificates are the administrator's to remove.
            left.Add([.. after.Where(change => kind != PackageKind.Rpm || !change.StartsWith("+ etc/pki", StringComparison.Ordinal))]);
            output.WriteLine($"{kind} installs:\n{string.Join('\n', installed[^1])}\n{kind} leaves:\n{string.Join('\n', after)}\n");
        }
        foreach (var other in installed.Skip(1))
        {
            Assert.Equal(installed[0], other);
        }

        Assert.All(left, Assert.Empty);
    }
}
