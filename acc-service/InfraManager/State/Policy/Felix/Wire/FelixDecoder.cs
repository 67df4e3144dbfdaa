using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>
/// Reads Felix's messages of one connection. Felix 3.24 to 3.34 speak three dialects, and no field names the version: up to 3.31 a policy's
/// identity is a name, which endpoints list as text; from 3.32 on it is a kind, a namespace and a name, which endpoints list as a message
/// under the same numbers. Policies come before endpoints, and their shape tells.
/// </summary>
internal sealed class FelixDecoder
{
    private const int MaxNameLength = 1024;

    private readonly FelixEndpointReader _endpoints = new();

    /// <summary>Reads a message without its length. Only a message whose outermost fields cannot be read is an error.</summary>
    /// <exception cref="FelixStreamException">It is not protobuf.</exception>
    public FelixMessage Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtoReader(bytes);
        ulong sequence = 0;
        var field = 0;
        ReadOnlySpan<byte> payload = default;
        // The number may come before the message or after it.
        while (reader.MoveNext())
        {
            if (reader.Field == ToDataplane.Sequence)
            {
                sequence = reader.Number();
                continue;
            }

            field = reader.Field;
            payload = field <= ToDataplane.EndpointRemove ? reader.Bytes() : default;
        }

        if (reader.IsMalformed)
        {
            throw new FelixStreamException($"a frame of {bytes.Length} bytes from Felix is not a protobuf message of ToDataplane");
        }

        return Payload(field, payload) with { Sequence = sequence, Length = bytes.Length };
    }

    /// <summary>Reads what a field of ToDataplane contains.</summary>
    /// <param name="field">The number of the field; see <see cref="ToDataplane"/>.</param>
    /// <param name="payload">The message in it.</param>
    public FelixMessage DecodePayload(int field, ReadOnlySpan<byte> payload) =>
        Payload(field, payload) with { Length = payload.Length };

    private FelixMessage Payload(int field, ReadOnlySpan<byte> payload) => field switch
    {
        ToDataplane.InSync => new FelixInSync(),
        ToDataplane.SetUpdate => FelixSetReader.Update(payload),
        ToDataplane.SetDelta => FelixSetReader.Delta(payload),
        ToDataplane.SetRemove => FelixSetReader.Remove(payload),
        ToDataplane.ProfileUpdate => Policy(field, payload, isProfile: true),
        ToDataplane.ProfileRemove => Removed(field, payload, isProfile: true),
        ToDataplane.PolicyUpdate => Policy(field, payload, isProfile: false),
        ToDataplane.PolicyRemove => Removed(field, payload, isProfile: false),
        ToDataplane.HostEndpointUpdate => HostEndpoint(field, payload, isRemoved: false),
        ToDataplane.HostEndpointRemove => HostEndpoint(field, payload, isRemoved: true),
        ToDataplane.EndpointUpdate => Endpoint(field, payload),
        ToDataplane.EndpointRemove => EndpointRemove(field, payload),
        _ => new FelixIgnored(field),
    };

    private FelixMessage Policy(int field, ReadOnlySpan<byte> payload, bool isProfile)
    {
        var reader = new ProtoReader(payload);
        FelixPolicyId? id = null;
        List<FelixRule> ingress = [], egress = [];
        var isMalformed = false;
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                id = Id(reader.Bytes(), isProfile);
            }
            else if (reader.Field == 2)
            {
                isMalformed |= !Rules(reader.Message(), ingress, egress);
            }
        }

        return id is not { } known ? Unreadable(field)
            : isMalformed || reader.IsMalformed ? new FelixPolicyUpdate(known, null, null)
            : new FelixPolicyUpdate(known, ingress, egress);
    }

    // Profile and Policy have the same numbers.
    private static bool Rules(ProtoReader reader, List<FelixRule> ingress, List<FelixRule> egress)
    {
        while (reader.MoveNext())
        {
            if (reader.Field is 1 or 2)
            {
                (reader.Field == 1 ? ingress : egress).Add(FelixRuleReader.Read(reader.Message()));
            }
        }

        return !reader.IsMalformed;
    }

    private FelixMessage Removed(int field, ReadOnlySpan<byte> payload, bool isProfile)
    {
        var reader = new ProtoReader(payload);
        FelixPolicyId? id = null;
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                id = Id(reader.Bytes(), isProfile);
            }
        }

        return id is { } known && !reader.IsMalformed ? new FelixPolicyRemove(known) : Unreadable(field);
    }

    private FelixPolicyId? Id(ReadOnlySpan<byte> bytes, bool isProfile)
    {
        if (!isProfile)
        {
            return _endpoints.LearnPolicyId(bytes);
        }

        var reader = new ProtoReader(bytes);
        var name = "";
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                name = reader.Text();
            }
        }

        return reader.IsMalformed || name.Length is 0 or > MaxNameLength ? null : FelixPolicyId.OfProfile(name);
    }

    private FelixMessage Endpoint(int field, ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        FelixEndpointId? id = null;
        FelixEndpoint? endpoint = null;
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                id = FelixEndpointReader.Id(reader.Message());
            }
            else if (reader.Field == 5)
            {
                endpoint = _endpoints.Read(reader.Message());
            }
        }

        return id is null ? Unreadable(field)
            : new FelixEndpointUpdate(
                id, endpoint is null || reader.IsMalformed ? (endpoint ?? new FelixEndpoint()) with { IsMalformed = true } : endpoint);
    }

    private static FelixMessage EndpointRemove(int field, ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        FelixEndpointId? id = null;
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                id = FelixEndpointReader.Id(reader.Message());
            }
        }

        return id is null || reader.IsMalformed ? Unreadable(field) : new FelixEndpointRemove(id);
    }

    private static FelixMessage HostEndpoint(int field, ReadOnlySpan<byte> payload, bool isRemoved)
    {
        var reader = new ProtoReader(payload);
        var name = "";
        while (reader.MoveNext())
        {
            if (reader.Field != 1)
            {
                continue;
            }

            var id = reader.Message();
            while (id.MoveNext())
            {
                name = id.Field == 2 ? id.Text() : name;
            }
        }

        return name.Length is 0 or > MaxNameLength ? Unreadable(field) : new FelixHostEndpoint(name, isRemoved);
    }

    private static FelixIgnored Unreadable(int field) => new(field, $"message {field} of Felix has no identity that can be read");
}
