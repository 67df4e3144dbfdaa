using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// Reads a result of any version since 0.3.0: later versions only add keys, and the key "version" of an address is redundant.
/// </summary>
internal static class CniResultReader
{
    public static CniResult Read(JsonElement element, string where)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw CniJson.Wrong(where, "an object");
        }

        var at = where + ".";
        var result = new CniResult();
        foreach (var item in CniJson.Objects(element, "interfaces", at))
        {
            var name = CniJson.String(item, "name", at + "interfaces.");
            result.Interfaces.Add(new CniInterface(
                name,
                CniJson.String(item, "mac", at + "interfaces."),
                CniJson.String(item, "sandbox", at + "interfaces."),
                CniJson.Int(item, "mtu", at + "interfaces.") ?? 0,
                CniJson.String(item, "socketPath", at + "interfaces."),
                CniJson.String(item, "pciID", at + "interfaces.")));
        }
        foreach (var item in CniJson.Objects(element, "ips", at))
        {
            var (address, length) = CniJson.Cidr(item, "address", at + "ips.");
            var index = CniJson.Int(item, "interface", at + "ips.");
            if (index is { } i && result.Interfaces.Count > 0 && (uint)i >= (uint)result.Interfaces.Count)
            {
                throw CniJson.Wrong(at + "ips.interface", "an index into interfaces");
            }

            result.Addresses.Add(new CniAddress(address, length, CniJson.Address(item, "gateway", at + "ips."), index));
        }
        foreach (var item in CniJson.Objects(element, "routes", at))
        {
            var (address, length) = CniJson.Cidr(item, "dst", at + "routes.");
            result.Routes.Add(new CniRoute(IpText.NetworkOf(address, length), CniJson.Address(item, "gw", at + "routes."))
            {
                Mtu = CniJson.Int(item, "mtu", at + "routes."),
                AdvMss = CniJson.Int(item, "advmss", at + "routes."),
                Priority = CniJson.Int(item, "priority", at + "routes."),
                Table = CniJson.Int(item, "table", at + "routes."),
                Scope = CniJson.Int(item, "scope", at + "routes."),
            });
        }
        result.Dns = ReadDns(element, at);
        return result;
    }

    public static CniDns ReadDns(JsonElement parent, string where)
    {
        if (CniJson.Object(parent, "dns", where) is not { } dns)
        {
            return CniDns.Empty;
        }

        var at = where + "dns.";
        return new CniDns(
            CniJson.Strings(dns, "nameservers", at),
            CniJson.String(dns, "domain", at),
            CniJson.Strings(dns, "search", at),
            CniJson.Strings(dns, "options", at));
    }
}
