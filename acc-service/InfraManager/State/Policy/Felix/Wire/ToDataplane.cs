namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>
/// Field numbers of the message ToDataplane that concern policy. Source: felix/proto/felixbackend.proto of projectcalico/calico.
/// </summary>
internal static class ToDataplane
{
    public const int InSync = 1;
    public const int SetUpdate = 2;
    public const int SetDelta = 3;
    public const int SetRemove = 4;
    public const int ProfileUpdate = 5;
    public const int ProfileRemove = 6;
    public const int PolicyUpdate = 7;
    public const int PolicyRemove = 8;
    public const int HostEndpointUpdate = 9;
    public const int HostEndpointRemove = 10;
    public const int EndpointUpdate = 11;
    public const int EndpointRemove = 12;
    public const int Sequence = 15;
}
