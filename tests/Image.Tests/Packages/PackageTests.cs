namespace ACCOffload.Image.Tests.Packages;

/// <summary>
/// `make package`: what a .deb, an .rpm and a tarball install into a clean root file system, and what remains after removal.
/// </summary>
[Collection(PackagesCollection.Name)]
public sealed class PackageTests(BuiltPackages packages, ITestOutputHelper output)
{
    // Changed by systemd-sysusers. Under Debian and Fedora policy, users stay, because they may own files.
    private static readonly string[] Accounts = ["etc/group", "etc/gshadow", "etc/passwd", "etc/shadow", "etc/group-", "etc/gshadow-",
        "etc/passwd-", "etc/shadow-", "etc/.pwd.lock"];

    private static readonly PackageKind[] Kinds = [PackageKind.Deb, PackageKind.Rpm, PackageKind.Tarball];

    [Fact]
    public Task All_package_formats_of_inframanager_install_and_leave_the_same_files()
    {
        Needs.NotMissing(BuiltPackages.Missing);
        return CompareAsync("inframanager", "inframanager.service", "etc/accoffload/inframanager.json", "/usr/bin/inframanager");
    }

    [Fact]
    public Task All_package_formats_of_host_stub_install_and_leave_the_same_files()
    {
        Needs.NotMissing(BuiltPackages.Missing);
        return CompareAsync("host-stub", "host-stub-agent.service", "etc/accoffload/host-stub.json", "/opt/cni/bin/accoffload");
    }

    [Fact]
    public async Task Builds_are_reproducible()
    {
        Needs.NotMissing(BuiltPackages.Missing);
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
            await using var root = await CleanRoot.CreateAsync();
            var clean = await root.ListAsync();

            await root.InstallAsync(kind, packages, component);
            installed.Add(CleanRoot.Changes(clean, await root.ListAsync()));
            Assert.Contains("0.",
                (await root.RunAsync(program.StartsWith("/opt", StringComparison.Ordinal) ? "/usr/bin/host-stub" : program,
                    "--version")).MustSucceed().Output);
            if (component == "inframanager")
            {
                // Called by this name, it is Felix's driver, which says that nobody gave it a Felix.
                var driver = await root.RunAsync("/usr/lib/accoffload/inframanager/felix-driver");
                Assert.Equal(1, driver.ExitCode);
                Assert.Contains("file descriptors 3 and 4 are not open", driver.Error, StringComparison.Ordinal);
            }

            // The unit's user exists, and the installation does not enable the unit.
            (await root.RunAsync("systemd-analyze", "verify", "--man=no", unit)).MustSucceed();
            Assert.Equal("disabled", (await root.RunAsync("systemctl", "is-enabled", unit)).Output.Trim());

            // A changed configuration survives removal and reinstallation.
            (await root.RunAsync("systemctl", "enable", unit)).MustSucceed();
            await File.AppendAllTextAsync(root.At(configuration), "// ours\n");
            await root.RemoveAsync(kind, component, purge: false);
            Assert.Equal("not-found",
                (await root.RunAsync("systemctl", "is-enabled", unit)).Output.Trim() is { Length: > 0 } state ? state : "not-found");
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
            // rpm has no purge: the administrator must remove the certificate folders.
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
