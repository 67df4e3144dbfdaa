using System.Text;
using ACCOffload.HostStub.Cni;
using CsCheck;

namespace ACCOffload.HostStub.Tests;

public sealed class CniNetworkConfigTests
{
    private const string Good = "\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"type\":\"accoffload\"";

    [Theory]
    // 1: versions
    [InlineData("{\"cniVersion\":\"0.2.0\",\"name\":\"n\"}", "ADD", 1, "0.2.0")]
    [InlineData("{\"cniVersion\":\"2.0.0\",\"name\":\"n\"}", "ADD", 1, "2.0.0")]
    [InlineData("{\"name\":\"n\"}", "ADD", 1, "no cniVersion")]
    [InlineData("{\"cniVersion\":\"0.3.1\",\"name\":\"n\"}", "CHECK", 1, "CHECK")]
    [InlineData("{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", "GC", 1, "GC")]
    [InlineData("{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", "STATUS", 1, "STATUS")]
    // 2: unsupported fields, with key and value named
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"ipMasq\":true}", "ADD", 2, "ipMasq = true")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"RuntimeConfig\":{\"InfinibandGUID\":\"x\"}}",
        "ADD",
        2,
        "runtimeConfig.infinibandGUID = \"x\"")]
    // 6: not decodable
    [InlineData("", "ADD", 6, "JSON")]
    [InlineData("[]", "ADD", 6, "object")]
    [InlineData("{" + Good, "ADD", 6, "JSON")]
    [InlineData("{" + Good + "} x", "ADD", 6, "JSON")]
    [InlineData("{\"cniVersion\":1,\"name\":\"n\"}", "ADD", 6, "cniVersion")]
    [InlineData("{\"cniVersion\":\"1.0.0\",\"name\":{}}", "ADD", 6, "name")]
    [InlineData("{" + Good + ",\"ipam\":\"x\"}", "ADD", 6, "ipam")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"mtu\":\"1500\"}", "ADD", 6, "mtu")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"mtu\":1e99}", "ADD", 6, "mtu")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":[]}", "ADD", 6, "prevResult")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"ips\":[{\"address\":\"1.2.3.4\"}]}}",
        "ADD",
        6,
        "prevResult.ips.address")]
    [InlineData(
        "{" + Good
            + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"interfaces\":[{}],\"ips\":[{\"address\":\"1.2.3.4/24\",\"interface\":1}]}}",
        "ADD",
        6,
        "prevResult.ips.interface")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"routes\":[{\"dst\":\"0.0.0.0/33\"}]}}",
        "ADD",
        6,
        "prevResult.routes.dst")]
    [InlineData("{" + Good + ",\"dns\":{\"nameservers\":[1]}}", "DEL", 6, "dns.nameservers")]
    [InlineData("{" + Good + ",\"cni.dev/valid-attachments\":{}}", "GC", 6, "cni.dev/valid-attachments")]
    [InlineData("{\"cniVersion\":\"1.0.0\",\"name\":\"\\ud800\"}", "ADD", 6, "name")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"MTU\":\"1500\"}", "ADD", 6, "mtu")]
    [InlineData("{" + Good + ",\"IPAM\":\"x\"}", "ADD", 6, "ipam")]
    [InlineData("{" + Good + ",\"ipam\":{\"TYPE\":1}}", "ADD", 6, "ipam.type")]
    [InlineData("{\"CNIVersion\":1,\"name\":\"n\"}", "ADD", 6, "cniVersion")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":-1}}}",
        "ADD",
        6,
        "runtimeConfig.bandwidth.ingressRate")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":1.5}}}",
        "ADD",
        6,
        "runtimeConfig.bandwidth.egressRate")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":[]}}", "ADD", 6, "runtimeConfig.bandwidth")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"mac\":1}}", "ADD", 6, "runtimeConfig.mac")]
    // Addresses are decimal
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"ips\":[{\"address\":\"10.244.1.050/24\"}]}}",
        "ADD",
        6,
        "prevResult.ips.address")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"ips\":[{\"address\":\"10.1/24\"}]}}",
        "ADD",
        6,
        "prevResult.ips.address")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"ips\":[{\"address\":\"10.244.1.50/24\",\"gateway\":\"0x0af40101\"}]}}",
        "ADD",
        6,
        "prevResult.ips.gateway")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"prevResult\":{\"routes\":[{\"dst\":\"010.0.0.0/8\"}]}}",
        "ADD",
        6,
        "prevResult.routes.dst")]
    // 7: decodable, but not valid
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"Mtu\":100}", "ADD", 7, "mtu 100")]
    [InlineData("{" + Good + ",\"Socket\":\"relative\"}", "ADD", 7, "socket")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"mac\":\"01:00:5e:00:00:01\"}}", "ADD", 7, "runtimeConfig.mac")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"mac\":\"00:00:00:00:00:00\"}}", "ADD", 7, "runtimeConfig.mac")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"mac\":\"02:00:00\"}}", "ADD", 7, "runtimeConfig.mac")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":1000}}}",
        "ADD",
        7,
        "runtimeConfig.bandwidth.ingressBurst")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"egressBurst\":1000}}}",
        "ADD",
        7,
        "runtimeConfig.bandwidth.egressRate")]
    [InlineData(
        "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":1000,\"egressBurst\":34359738360}}}",
        "ADD",
        7,
        "runtimeConfig.bandwidth.egressBurst")]
    [InlineData("{\"cniVersion\":\"1.0.0\"}", "ADD", 7, "name")]
    [InlineData("{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\"}", "ADD", 7, "name")]
    [InlineData("{" + Good + "}", "ADD", 7, "ipam.type")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"../../bin/sh\"}}", "ADD", 7, "ipam.type")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"},\"mtu\":100}", "ADD", 7, "mtu 100")]
    [InlineData("{" + Good + ",\"socket\":\"relative\"}", "ADD", 7, "socket")]
    [InlineData("{" + Good + ",\"ipam\":{\"type\":\"x\"}}", "CHECK", 7, "prevResult")]
    [InlineData("{" + Good + "}", "GC", 7, "cni.dev/valid-attachments")]
    public void An_error_has_its_code_and_names_the_key(string json, string command, int code, string named)
    {
        var e = Assert.Throws<CniException>(() => CniNetworkConfig.Parse(Encoding.UTF8.GetBytes(json), command));
        Assert.Equal(code, e.Code);
        Assert.Contains(named, e.OneLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_fields_and_an_empty_prevResult_are_accepted()
    {
        var config = Parse(
            "{" + Good
                + ",\"ipam\":{\"type\":\"x\"},\"keyA\":[1,{\"b\":null}],\"prevResult\":{},\"dns\":{},\"ipMasq\":false,\"runtimeConfig\":{\"ips\":[\"1.2.3.4\"]}}",
            "ADD");
        Assert.NotNull(config.PrevResult);
        Assert.Equal("x", config.IpamType);
    }

    [Fact]
    public void Keys_are_matched_as_in_Go()
    {
        var config =
            Parse("{\"CNIVERSION\":\"1.1.0\",\"Name\":\"podnet\",\"\\u0053oc\\u212aet\":\"/run/x.sock\",\"mtu\":1300,\"MTU\":1400,\"mtu\":null,\"IPAM\":{\"Type\":\"x\"},"
            + "\"DN\\u017f\":{\"NameServers\":[\"10.96.0.10\"]},\"PrevResult\":{\"IPs\":[{\"Address\":\"10.0.0.1/24\"}]},\"runtimeconfig\":{\"MAC\":\"02:00:00:00:00:07\"},\"\\ud800\":1}", "ADD");

        Assert.Equal((1400, "x", "podnet", "02:00:00:00:00:07"), (config.Mtu, config.IpamType, config.Name, config.Mac.ToString()));
        Assert.Equal(["10.96.0.10"], config.Dns.Nameservers);
        Assert.Single(config.PrevResult!.Addresses);
        Assert.Equal(
            "/run/x.sock", CniNetworkHeader.Read("{\"soc\\u212aet\":\"/run/y.sock\",\"\\u0053OC\\u212aET\":\"/run/x.sock\"}"u8).Socket);
    }

    [Fact]
    public void Bandwidth_is_read_and_zero_means_no_limit()
    {
        Assert.Equal(
            new CniBandwidth(1_000_000, 80_000, 0, 0),
            Parse(
                "{" + Good
                    + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":1000000,\"ingressBurst\":80000,\"egressRate\":0}}}",
                "ADD").Bandwidth);
        Assert.Null(Parse(
            "{" + Good + ",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":0,\"ingressBurst\":0}}}",
            "ADD").Bandwidth);
    }

    [Fact]
    public void Random_bytes_are_refused_as_CNI_errors()
    {
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            var e = Assert.Throws<CniException>(() => { CniNetworkConfig.Parse(bytes, "ADD"); });
            Assert.InRange(e.Code, 1, 7);
        });
    }

    [Fact]
    public void A_damaged_configuration_is_either_read_or_refused()
    {
        var good = Encoding.UTF8.GetBytes("{" + Good
            + ",\"mtu\":1400,\"ipam\":{\"type\":\"x\"},\"dns\":{\"search\":[\"a\"]},\"prevResult\":{\"interfaces\":[{\"name\":\"e\",\"mtu\":1}],\"ips\":[{\"address\":\"10.0.0.1/24\",\"gateway\":\"10.0.0.254\",\"interface\":0}],\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":9}]}}");
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Sample(change =>
        {
            byte[] bytes = [.. good];
            bytes[change.Item1] = change.Item2;
            try
            {
                CniNetworkConfig.Parse(bytes, "ADD");
            }
            catch (CniException)
            {
                // The only exception that is allowed.
            }
        });
    }

    private static CniNetworkConfig Parse(string json, string command) => CniNetworkConfig.Parse(Encoding.UTF8.GetBytes(json), command);
}
