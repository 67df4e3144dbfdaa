using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Tests;

public sealed class CniEnvironmentTests
{
    [Theory]
    [InlineData("ADD", "CNI_CONTAINERID")]
    [InlineData("ADD", "CNI_NETNS")]
    [InlineData("ADD", "CNI_IFNAME")]
    [InlineData("ADD", "CNI_PATH")]
    [InlineData("CHECK", "CNI_NETNS")]
    [InlineData("DEL", "CNI_CONTAINERID")]
    [InlineData("DEL", "CNI_IFNAME")]
    [InlineData("GC", "CNI_PATH")]
    public void A_missing_variable_is_named(string command, string missing)
    {
        var e = Assert.Throws<CniException>(() => Read(command, missing, null));
        Assert.Equal((int)CniErrorCode.InvalidEnvironment, e.Code);
        Assert.Contains(missing, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DEL", "CNI_NETNS")]
    [InlineData("DEL", "CNI_PATH")]
    [InlineData("STATUS", "CNI_PATH")]
    [InlineData("STATUS", "CNI_CONTAINERID")]
    [InlineData("VERSION", "CNI_PATH")]
    public void A_variable_that_a_command_does_not_need_may_be_missing(string command, string missing) => Read(command, missing, null);

    [Fact]
    public void All_missing_variables_are_named_together()
    {
        var e = Assert.Throws<CniException>(() => CniEnvironment.Read(n => n == "CNI_COMMAND" ? "ADD" : null));
        Assert.Contains("CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CNI_COMMAND", "add")]
    [InlineData("CNI_COMMAND", "UPDATE")]
    [InlineData("CNI_CONTAINERID", "-x")]
    [InlineData("CNI_CONTAINERID", "a/b")]
    [InlineData("CNI_CONTAINERID", "a b")]
    [InlineData("CNI_CONTAINERID", "ä")]
    [InlineData("CNI_IFNAME", "sixteen-letters-")]
    [InlineData("CNI_IFNAME", "a/b")]
    [InlineData("CNI_IFNAME", "a:b")]
    [InlineData("CNI_IFNAME", "a b")]
    [InlineData("CNI_IFNAME", "..")]
    [InlineData("CNI_IFNAME", "all")]
    [InlineData("CNI_IFNAME", "default")]
    [InlineData("CNI_IFNAME", "eth%d")]
    [InlineData("CNI_IFNAME", "a\nb")]
    [InlineData("CNI_NETNS", "relative/path")]
    public void A_malformed_variable_fails_with_error_4_and_is_named(string name, string value)
    {
        var e = Assert.Throws<CniException>(() => Read("ADD", name, value));
        Assert.Equal((int)CniErrorCode.InvalidEnvironment, e.Code);
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CNI_CONTAINERID", "a/b")]
    [InlineData("CNI_IFNAME", "all")]
    [InlineData("CNI_IFNAME", "sixteen-letters-")]
    public void Del_has_nothing_to_remove_under_a_name_that_no_Add_accepts(string name, string value) =>
        Assert.Equal(name, Read("DEL", name, value).InvalidName);

    [Theory]
    [InlineData("CNI_CONTAINERID", "0")]
    [InlineData("CNI_CONTAINERID", "A_b.c-d")]
    [InlineData("CNI_IFNAME", "fifteen-letters")]
    [InlineData("CNI_IFNAME", "eth0.100")]
    public void Values_that_the_specification_allows_are_accepted(string name, string value) => Read("ADD", name, value);

    [Theory]
    [InlineData("", "", "", "")]
    [InlineData("K8S_POD_NAME=web;K8S_POD_NAMESPACE=shop;K8S_POD_UID=1-2;IgnoreUnknown=1", "shop", "web", "1-2")]
    [InlineData("K8S_POD_NAME=a=b; ;X=", "", "a=b", "")]
    public void Args_are_parsed(string text, string space, string name, string uid) =>
        Assert.Equal(new CniArgs(space, name, uid), CniArgs.Parse(text));

    [Theory]
    [InlineData("novalue")]
    [InlineData("=x")]
    public void Malformed_args_fail_with_error_4(string text)
    {
        var e = Assert.Throws<CniException>(() => CniArgs.Parse(text));
        Assert.Equal((int)CniErrorCode.InvalidEnvironment, e.Code);
        Assert.Contains("CNI_ARGS", e.Message, StringComparison.Ordinal);
    }

    private static CniEnvironment Read(string command, string changed, string? value)
    {
        var variables = new Dictionary<string, string?>
        {
            ["CNI_COMMAND"] = command,
            ["CNI_CONTAINERID"] = "c1",
            ["CNI_NETNS"] = "/run/netns/x",
            ["CNI_IFNAME"] = "eth0",
            ["CNI_PATH"] = "/opt/cni/bin",
            [changed] = value,
        };
        return CniEnvironment.Read(n => variables.GetValueOrDefault(n));
    }

    [Fact]
    public void Pod_names_have_the_ACCs_limits()
    {
        Assert.Equal(256, CniArgs.Parse($"K8S_POD_NAME={new string('a', 256)}").PodName.Length);
        Assert.Equal(128, CniArgs.Parse($"K8S_POD_NAME={new string('é', 128)}").PodName.Length);
        foreach (var key in (string[])["K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID"])
        {
            Assert.Contains(
                $"{key} is longer than 256 bytes",
                Assert.Throws<CniException>(() => CniArgs.Parse($"{key}={new string('a', 257)}")).OneLine,
                StringComparison.Ordinal);
            Assert.Contains(
                $"{key} is longer than 256 bytes",
                Assert.Throws<CniException>(() => CniArgs.Parse($"{key}={new string('é', 129)}")).OneLine,
                StringComparison.Ordinal);
            Assert.Contains(
                $"{key} contains a control character",
                Assert.Throws<CniException>(() => CniArgs.Parse($"{key}=a\u0007b")).OneLine,
                StringComparison.Ordinal);
        }
    }
}
