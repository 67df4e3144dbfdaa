using System.Net;

namespace ACCOffload.HostStub.Cni;

/// <summary>A result with all fields of version 1.1.0, independent of the version that it is read from or written in.</summary>
internal sealed class CniResult
{
    public List<CniInterface> Interfaces { get; } = [];

    public List<CniAddress> Addresses { get; } = [];

    public List<CniRoute> Routes { get; } = [];

    public CniDns Dns { get; set; } = CniDns.Empty;
}

/// <summary>An interface. <paramref name="Sandbox"/> is empty on the host; an MTU of 0 is unknown.</summary>
internal sealed record CniInterface(string Name, string Mac, string Sandbox, int Mtu = 0, string SocketPath = "", string PciId = "");

/// <summary>An address with its prefix length. <paramref name="Interface"/> is an index into the interfaces.</summary>
internal sealed record CniAddress(IPAddress Address, int PrefixLength, IPAddress? Gateway, int? Interface);

internal sealed record CniRoute(IPNetwork Destination, IPAddress? Gateway)
{
    public int? Mtu { get; init; }

    public int? AdvMss { get; init; }

    public int? Priority { get; init; }

    public int? Table { get; init; }

    public int? Scope { get; init; }
}

internal sealed record CniDns(IReadOnlyList<string> Nameservers, string Domain, IReadOnlyList<string> Search, IReadOnlyList<string> Options)
{
    public static readonly CniDns Empty = new([], "", [], []);

    public bool IsEmpty => Nameservers.Count == 0 && Domain.Length == 0 && Search.Count == 0 && Options.Count == 0;
}
