using System.Net;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Tests.Configuration;

public sealed class UplinkSectionTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_uplink_with_addresses_has_an_exception_port_and_next_hops_by_address()
    {
        var uplink = LoadUplink("""
            "Addresses": ["192.0.2.10/24", "2001:db8::10/64"],
            "Routes": ["0.0.0.0/0 via 192.0.2.1", "10.9.0.0/16 via 02:00:00:00:00:01", "::/0 via fe80::1"]
            """);
        Assert.Equal(["192.0.2.10/24", "2001:db8::10/64"], uplink.Addresses.Select(a => a.ToString()));
        Assert.Equal(IPNetwork.Parse("192.0.2.0/24"), uplink.Addresses[0].Network);
        Assert.Equal(
            [(IPAddress.Parse("192.0.2.1"), null), (null, "02:00:00:00:00:01"), (IPAddress.Parse("fe80::1"), null)],
            uplink.Routes.Select(r => (r.Gateway, r.Mac?.ToString())));
        Assert.Equal(new ExceptionPort("accx0", "accx1", "/run/netns/accoffload-uplink"), uplink.Exception);
        Assert.Equal(1024, uplink.MaxNeighbors);

        uplink = LoadUplink("""
            "Addresses": ["192.0.2.10/32"], "MaxNeighbors": 5,
            "Exception": { "Port": "TAP7", "Interface": "x7", "Namespace": "/run/netns/x" }
            """);
        Assert.Equal(new ExceptionPort("TAP7", "x7", "/run/netns/x"), uplink.Exception);
        Assert.Equal(5, uplink.MaxNeighbors);
    }

    [Fact]
    public void Without_addresses_an_uplink_has_no_exception_port() => Assert.Null(LoadUplink(""" "Mtu": 1500 """).Exception);

    [Theory]
    [InlineData(""" "Addresses": ["192.0.2.10"] """, "Node:Uplink:Addresses[0] = \"192.0.2.10\": has no prefix length")]
    [InlineData(""" "Addresses": ["192.0.2.0/24"] """, "Node:Uplink:Addresses[0] = \"192.0.2.0/24\": is its network's address")]
    [InlineData(""" "Addresses": ["192.0.2.255/24"] """, "is its network's address or broadcast address")]
    [InlineData(""" "Addresses": ["224.0.0.5/24"] """, "is not a unicast address")]
    [InlineData(""" "Addresses": ["::1/64"] """, "is not a unicast address")]
    [InlineData(""" "Addresses": ["::ffff:192.0.2.10/120"] """, "is not a unicast address")]
    [InlineData(""" "Addresses": ["192.0.2.10/24", "192.0.2.10/25"] """, "Node:Uplink:Addresses[1] = \"192.0.2.10/25\": is listed twice")]
    [InlineData(""" "Addresses": ["10.244.1.10/24"] """, "Node:Uplink:Addresses[0] = \"10.244.1.10/24\": lies in the pod range 10.244.1.0/24")]
    [InlineData(""" "Routes": ["0.0.0.0/0 via 192.0.2.1"] """,
        "Node:Uplink:Routes[0] = \"0.0.0.0/0 via 192.0.2.1\": has an IP address as its next hop, but Node:Uplink:Addresses is empty")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Routes": ["10.0.0.0/8 via 02:00:00:00:00:01", "0.0.0.0/0 via 192.0.3.1"] """,
        "Node:Uplink:Routes[1] = \"0.0.0.0/0 via 192.0.3.1\": has a next hop that is not in the network of any")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Routes": ["0.0.0.0/0 via 192.0.2.10"] """, "has one of the node's own addresses")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Routes": ["0.0.0.0/0 via fe80::1"] """, "has a next hop of a different IP version")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Routes": ["::/0 via fe80::1"] """, "is not in the network of any")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Routes": ["0.0.0.0/0 via x"] """, "has neither a MAC address nor an IP address")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "MaxNeighbors": 8193 """, "Node:Uplink:MaxNeighbors = \"8193\": is too large")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Exception": { "Port": "eth1" } """, "Node:Uplink:Exception:Port = \"eth1\": is the uplink's")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Exception": { "Interface": "a/b" } """, "Node:Uplink:Exception:Interface = \"a/b\": is not an")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Exception": { "Namespace": "x" } """, "Node:Uplink:Exception:Namespace = \"x\": is not an abs")]
    [InlineData(""" "Addresses": ["192.0.2.10/24"], "Exception": { "Namespace": "/run/netns/accoffload-dp" } """, "is SoftTarget:PortNamespace")]
    public void Invalid_addresses_of_an_uplink_are_refused(string keys, string text)
    {
        var e = Assert.Throws<ConfigurationException>(() => LoadUplink(keys));
        Assert.Contains(text, Assert.Single(e.Errors).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" "Target": { "PortRule": "mac" } """, "Node:Uplink:Addresses", "does not apply with Target:PortRule mac")]
    [InlineData(""" "Target": { "Kind": "external", "Ports": ["TAP0", "TAP1"] } """, "Node:Uplink:Exception:Port", "is not among Target:Ports")]
    public void An_exception_port_that_the_target_cannot_have_is_refused(string json, string key, string reason)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load($$"""
            { "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"],
              "Uplink": { "Port": "TAP0", "Mac": "02:00:00:00:00:99", "Addresses": ["192.0.2.10/24"] } }, {{json}} }
            """));
        var error = Assert.Single(e.Errors);
        Assert.Equal(key, error.Key);
        Assert.StartsWith(reason, error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Addresses_without_an_uplink_are_refused()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load("""
            { "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"], "Uplink": { "Addresses": ["192.0.2.10/24"] } } }
            """));
        var error = Assert.Single(e.Errors);
        Assert.Equal("Node:Uplink:Addresses", error.Key);
        Assert.StartsWith("needs Node:Uplink:Port", error.Reason, StringComparison.Ordinal);
    }

    private UplinkSettings LoadUplink(string keys) => Load($$"""
        { "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"],
          "Uplink": { "Port": "eth1", "Mac": "02:00:00:00:00:99", {{keys}} } } }
        """).Node.Uplink!;

    private Settings Load(string json) => SettingsLoader.Load(_folder.Write("c.json", json), new Dictionary<string, string>());
}
