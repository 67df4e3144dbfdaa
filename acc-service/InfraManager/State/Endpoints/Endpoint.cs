using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>An endpoint that the model holds. Immutable: an update replaces it under the same id.</summary>
/// <param name="Id">Never reused while the process lives; names the owner of the endpoint's table entries.</param>
/// <param name="Spec">As requested.</param>
/// <param name="OwnsPort">Whether the port on the target was made for this endpoint and goes with it.</param>
internal sealed record Endpoint(long Id, EndpointSpec Spec, bool OwnsPort)
{
    public AttachmentKey Key => Spec.Key;

    public EndpointAddress Address => new(Spec.Origin, Spec.Key);
}

/// <summary>What names an endpoint across APIs.</summary>
internal readonly record struct EndpointAddress(ApiOrigin Origin, AttachmentKey Key);
