using ACCOffload.HostStub.TestKit;

namespace ACCOffload.HostStub.Tests.Support;

/// <summary>IPAM plugins as shell scripts, in the lab's CNI directory.</summary>
internal static class FakeIpam
{
    /// <summary>
    /// Writes a plugin that reports its versions and runs <paramref name="body"/> for every other command. Its input is in "$input".
    /// </summary>
    public static void Write(AgentLab lab, string name, string versions, string body)
    {
        Directory.CreateDirectory(lab.At("bin"));
        var path = lab.At($"bin/{name}");
        File.WriteAllText(path, $$"""
            #!/bin/sh
            input=$(cat)
            if [ "$CNI_COMMAND" = VERSION ]; then echo '{"cniVersion":"1.0.0","supportedVersions":{{versions}}}'; exit 0; fi
            {{body}}
            """);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
