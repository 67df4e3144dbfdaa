using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using CsCheck;

namespace ACCOffload.HostStub.Tests;

public sealed class CniResultTests
{
    private static readonly Gen<CniResult> Results =
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[1, 9000], Gen.Byte.Array[4])
            .Select((interfaces, addresses, routes, number, bytes) =>
        {
            var result = new CniResult { Dns = new CniDns(["10.96.0.10"], "cluster.local", ["svc"], ["ndots:5"]) };
            for (var i = 0; i < interfaces; i++)
            {
                result.Interfaces.Add(new CniInterface(
                    $"eth{i}",
                    "02:00:00:00:00:01",
                    i == 0 ? "/run/netns/x" : "",
                    number,
                    i == 1 ? "/s" : "",
                    i == 2 ? "0000:01:00.1" : ""));
            }

            for (var i = 0; i < addresses; i++)
            {
                result.Addresses.Add(new CniAddress(
                    i == 2 ? IPAddress.IPv6Loopback : new IPAddress(bytes),
                    32,
                    i == 1 ? null : IPAddress.Loopback,
                    interfaces > 0 ? i % interfaces : null));
            }

            for (var i = 0; i < routes; i++)
            {
                result.Routes.Add(new CniRoute(IpText.NetworkOf(new IPAddress(bytes), 8 * i), IPAddress.Loopback)
                {
                    Mtu = number,
                    AdvMss = i,
                    Priority = i,
                    Table = i,
                    Scope = 253,
                });
            }

            return result;
        });

    [Fact]
    public void The_newest_version_round_trips() =>
        Results.Sample(result =>
        {
            var json = CniResultWriter.Write(result, CniVersion.V110);
            Assert.Equal(json, CniResultWriter.Write(Read(json), CniVersion.V110));
        });

    [Fact]
    public void Each_older_version_round_trips_and_loses_only_fields_that_it_lacks() =>
        Gen.Select(Results, Gen.Enum<CniVersion>()).Sample((result, version) =>
        {
            var json = CniResultWriter.Write(result, version);
            var back = Read(json);
            Assert.Equal(json, CniResultWriter.Write(back, version));
            Assert.Equal(result.Addresses, back.Addresses);
            Assert.Equal(
                result.Interfaces.Select(i => (i.Name, i.Mac, i.Sandbox)), back.Interfaces.Select(i => (i.Name, i.Mac, i.Sandbox)));
            Assert.Equal(result.Routes.Select(r => (r.Destination, r.Gateway)), back.Routes.Select(r => (r.Destination, r.Gateway)));
            Assert.Equal(version == CniVersion.V110, back.Interfaces.Count == 0 ? version == CniVersion.V110 : back.Interfaces[0].Mtu > 0);
        });

    [Theory]
    [InlineData(
        "0.3.1",
        "{\"cniVersion\":\"0.3.1\",\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"10.0.0.5/24\",\"gateway\":\"10.0.0.1\"}],\"dns\":{}}")]
    [InlineData(
        "0.4.0",
        "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"10.0.0.5/24\",\"gateway\":\"10.0.0.1\"}],\"dns\":{}}")]
    [InlineData(
        "1.0.0", "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"interface\":0,\"address\":\"10.0.0.5/24\",\"gateway\":\"10.0.0.1\"}],\"dns\":{}}")]
    public void Results_have_the_specified_form(string version, string expected)
    {
        var result = new CniResult();
        result.Addresses.Add(new CniAddress(IPAddress.Parse("10.0.0.5"), 24, IPAddress.Parse("10.0.0.1"), 0));
        var json = System.Text.Encoding.UTF8.GetString(CniResultWriter.Write(result, CniVersions.Parse(version)));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(json)), json);
    }

    private static CniResult Read(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        return CniResultReader.Read(document.RootElement, "result");
    }
}
