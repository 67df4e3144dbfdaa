using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using ACCOffload.HostStub.Ipam;

namespace ACCOffload.Fuzz.Tests.Verbs;

/// <summary>The behaviour of the IPAM plugin on an ADD.</summary>
internal enum IpamBehaviour
{
    Assigns,
    Rejects,
    AssignsAndPrintsGarbage,
    AssignsAndPrintsNothing,
    AssignsAndFails,
}

/// <summary>An in-process IPAM plugin that assigns consecutive addresses and records the leases. Only DEL releases a lease.</summary>
internal sealed class FakeIpam
{
    private readonly ConcurrentDictionary<(string Network, string Container, string Interface), string> _leases = new();
    private int _next;

    public IpamBehaviour Behaviour { get; set; }

    public int Count => _leases.Count;

    public bool Has(string network, string container, string name) => _leases.ContainsKey((network, container, name));

    public Task<IpamProcess.Exit> RunAsync(string file, IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input,
        TimeSpan limit) =>
        Task.FromResult(environment["CNI_COMMAND"] switch
        {
            "VERSION" => Printed(0, "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\"]}"),
            "ADD" => Add(KeyOf(environment, input)),
            "DEL" => Delete(KeyOf(environment, input)),
            _ => Printed(0, ""),
        });

    private IpamProcess.Exit Add((string, string, string) key)
    {
        if (Behaviour == IpamBehaviour.Rejects)
        {
            return Printed(1, "{\"cniVersion\":\"1.0.0\",\"code\":999,\"msg\":\"no\"}");
        }

        var number = Interlocked.Increment(ref _next);
        var address = _leases.GetOrAdd(key, $"10.{(number >> 16) & 255}.{(number >> 8) & 255}.{number & 255}");
        return Behaviour switch
        {
            IpamBehaviour.AssignsAndPrintsGarbage => Printed(0, "nonsense"),
            IpamBehaviour.AssignsAndPrintsNothing => Printed(0, "{}"),
            IpamBehaviour.AssignsAndFails => Printed(3, ""),
            _ => Printed(0, $"{{\"cniVersion\":\"1.0.0\",\"ips\":[{{\"address\":\"{address}/8\"}}]}}"),
        };
    }

    private IpamProcess.Exit Delete((string, string, string) key)
    {
        _leases.TryRemove(key, out _);
        return Printed(0, "");
    }

    private static (string, string, string) KeyOf(IReadOnlyDictionary<string, string> environment, ReadOnlyMemory<byte> input)
    {
        using var document = JsonDocument.Parse(input);
        return (document.RootElement.GetProperty("name").GetString()!, environment["CNI_CONTAINERID"], environment["CNI_IFNAME"]);
    }

    private static IpamProcess.Exit Printed(int code, string output) => new(code, Encoding.UTF8.GetBytes(output), "");
}
