using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>An endpoint in the model. Immutable: an update replaces it under the same ID.</summary>
/// <param name="Id">Not reused during the lifetime of the process; identifies the owner of the endpoint's table entries.</param>
/// <param name="Spec">The endpoint as requested.</param>
/// <param name="OwnsPort">Whether the port on the target was created for this endpoint and is removed with it.</param>
/// <param name="Pointer">The number of the row that rewrites the headers of packets to the endpoint, where release 24.01's manager chose
/// one before this endpoint was taken over from it; 0: the port's number. Only the E2100's package has such rows.</param>
internal sealed record Endpoint(long Id, EndpointSpec Spec, bool OwnsPort, uint Pointer = 0)
{
    public AttachmentKey Key => Spec.Key;

    public EndpointAddress Address => new(Spec.Origin, Spec.Key);
}

/// <summary>Identifies an endpoint across APIs.</summary>
internal readonly record struct EndpointAddress(ApiOrigin Origin, AttachmentKey Key);
