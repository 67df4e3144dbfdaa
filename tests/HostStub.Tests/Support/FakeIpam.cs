namespace ACCOffload.HostStub.Tests;

/// <summary>IPAM plugins that are shell scripts, in the lab's own CNI directory.</summary>
internal static class FakeIpam
{
    /// <summary>A plugin that tells its versions and does <paramref name="body"/> for every other command. Input is in "$input".</summary>
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
