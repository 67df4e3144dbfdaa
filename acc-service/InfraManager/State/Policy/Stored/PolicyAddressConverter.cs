using System.Text.Json;
using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>An address as text.</summary>
internal sealed class PolicyAddressConverter : JsonConverter<PolicyAddress>
{
    public override PolicyAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && IpText.TryParse(reader.GetString(), out var address)
            ? PolicyAddress.Of(address)
            : throw new JsonException("not an IP address");

    public override void Write(Utf8JsonWriter writer, PolicyAddress value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
