using ACCOffload.Image.Tests.Packages;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Deploy;

/// <summary>
/// host-stub/deploy/node with its defaults and the published binaries in a clean root file system: what the DaemonSet leaves on a node.
/// </summary>
public sealed class CleanNodeTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("accoffload-node-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Uninstalling_the_DaemonSet_removes_what_it_installed()
    {
        Needs.NotMissing(BuiltPackages.Missing);
        await using var root = await CleanRoot.CreateAsync();
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "network.conflist"), "{}");
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" })
        {
            await File.WriteAllTextAsync(Path.Combine(_folder.FullName, name), name);
        }

        var clean = await root.ListAsync();

        await NodeAsync(root, "install");
        await NodeAsync(root, "certificates");
        var installed = CleanRoot.Changes(clean, await root.ListAsync());
        output.WriteLine($"installed:\n{string.Join('\n', installed)}");
        Assert.Contains("+ opt/cni/bin/accoffload l 777 0 0 /usr/lib/accoffload/host-stub/host-stub", installed);
        Assert.Contains(installed, change => change.StartsWith("+ etc/pki/infraagent/client/tls.key f 600 0 0 ", StringComparison.Ordinal));
        // The plugin runs as called by the runtime.
        Assert.Contains("supportedVersions",
            (await root.RunAsync("env", "CNI_COMMAND=VERSION", "/opt/cni/bin/accoffload")).MustSucceed().Output);

        // By default state and certificates stay; a second run changes nothing.
        Directory.CreateDirectory(root.At("var/lib/host-stub"));
        await NodeAsync(root, "uninstall");
        await NodeAsync(root, "uninstall");
        Assert.Equal(
            ["etc/pki", "etc/pki/infraagent", "etc/pki/infraagent/client", "etc/pki/infraagent/client/ca.crt",
                "etc/pki/infraagent/client/tls.crt", "etc/pki/infraagent/client/tls.key", "var/lib/host-stub"],
            CleanRoot.Changes(clean, await root.ListAsync()).Select(change => change.Split(' ')[1]));

        await NodeAsync(root, "install");
        await NodeAsync(root, "certificates");
        await NodeAsync(root, "uninstall", ("PURGE", "yes"));
        Assert.Empty(CleanRoot.Changes(clean, await root.ListAsync()));
    }

    private async Task NodeAsync(CleanRoot root, string what, params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string>
        {
            ["HOST_ROOT"] = root.Folder,
            ["SOURCE"] = Path.GetDirectoryName(Published.HostStub)!,
            ["NETWORK_SOURCE"] = Path.Combine(_folder.FullName, "network.conflist"),
            ["CERTIFICATES"] = _folder.FullName,
        };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        await Shell.RunAsync(null, $"{Repository.Root}/host-stub/deploy/node", [what], environment: environment).Succeeded();
    }
}
