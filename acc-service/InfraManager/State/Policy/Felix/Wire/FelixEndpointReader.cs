using System.Text;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>Reads workload endpoints and the identities of policies, in the dialect of the policies that came before.</summary>
internal sealed class FelixEndpointReader
{
    private const int MaxNameLength = 1024;

    // Null until a policy has shown it.
    private bool? _hasKinds;

    /// <summary>Reads the identity in a message about a policy. The first one decides the dialect. Null if it cannot be read.</summary>
    public FelixPolicyId? LearnPolicyId(ReadOnlySpan<byte> bytes)
    {
        if (!TryPolicyId(bytes, out var tier, out var name, out var space, out var kind))
        {
            return null;
        }

        if (kind.Length > 0)
        {
            _hasKinds ??= true;
            return FelixPolicyId.Of(kind, space, name);
        }

        if (tier.Length > 0)
        {
            _hasKinds ??= false;
        }

        return FelixPolicyId.Of(name);
    }

    public static FelixEndpointId? Id(ProtoReader reader)
    {
        var (orchestrator, workload, endpoint) = ("", "", "");
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 2:
                    orchestrator = reader.Text();
                    break;
                case 3:
                    workload = reader.Text();
                    break;
                case 4:
                    endpoint = reader.Text();
                    break;
            }
        }

        return reader.IsMalformed || workload.Length == 0 || orchestrator.Length + workload.Length + endpoint.Length > MaxNameLength
            ? null
            : new FelixEndpointId(orchestrator, workload, endpoint);
    }

    public FelixEndpoint Read(ProtoReader reader)
    {
        var state = "";
        var (nets, profiles, tiers) = (new List<string>(), new List<string>(), new List<FelixTier>());
        var isMalformed = false;
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    state = reader.Text();
                    break;
                case 4:
                    profiles.Add(reader.Text());
                    break;
                case 5 or 6:
                    nets.Add(reader.Text());
                    break;
                case 7:
                    if (Tier(reader.Message()) is { } tier)
                    {
                        tiers.Add(tier);
                    }
                    else
                    {
                        isMalformed = true;
                    }

                    break;
            }
        }

        return new FelixEndpoint
        {
            State = state,
            Nets = nets,
            Profiles = profiles,
            Tiers = tiers,
            IsMalformed = isMalformed || reader.IsMalformed,
        };
    }

    private FelixTier? Tier(ProtoReader reader)
    {
        var (name, action) = ("", "");
        var (ingress, egress) = (new List<FelixPolicyId>(), new List<FelixPolicyId>());
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    name = reader.Text();
                    break;
                case 2 or 3:
                    if (Listed(reader.Bytes()) is { } id)
                    {
                        (reader.Field == 2 ? ingress : egress).Add(id);
                    }
                    else
                    {
                        reader.Fail();
                    }

                    break;
                case 4:
                    action = reader.Text();
                    break;
            }
        }

        return reader.IsMalformed ? null : new FelixTier(name, action, ingress, egress);
    }

    /// <summary>A policy in an endpoint's tier: a text up to 3.31, from 3.32 on a message.</summary>
    private FelixPolicyId? Listed(ReadOnlySpan<byte> bytes)
    {
        // Without a policy before, only its form tells. A name never begins with a byte that is a tag of PolicyID: these are control
        // characters and the quotation mark.
        var hasKinds = _hasKinds ?? (bytes.Length > 0 && bytes[0] <= '"');
        if (!hasKinds)
        {
            return bytes.Length is 0 or > MaxNameLength ? null : FelixPolicyId.Of(Encoding.UTF8.GetString(bytes));
        }

        return TryPolicyId(bytes, out _, out var name, out var space, out var kind) && kind.Length > 0
            ? FelixPolicyId.Of(kind, space, name)
            : null;
    }

    private static bool TryPolicyId(ReadOnlySpan<byte> bytes, out string tier, out string name, out string space, out string kind)
    {
        (tier, name, space, kind) = ("", "", "", "");
        var reader = new ProtoReader(bytes);
        while (bytes.Length <= MaxNameLength && reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    tier = reader.Text();
                    break;
                case 2:
                    name = reader.Text();
                    break;
                case 3:
                    space = reader.Text();
                    break;
                case 4:
                    kind = reader.Text();
                    break;
            }
        }

        return !reader.IsMalformed && name.Length > 0;
    }
}
