using System.Text.Json;
using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>A block of addresses in CIDR notation.</summary>
internal sealed class PolicyNetConverter : JsonConverter<PolicyNet>
{
    public override PolicyNet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && IpText.TryParseNetwork(reader.GetString(), out var network)
            ? PolicyNet.Of(network)
            : throw new JsonException("not an address range");

    public override void Write(Utf8JsonWriter writer, PolicyNet value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
