using System.Net;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>A backend elsewhere that left the slices of its service and keeps its connections. The first to end comes first.</summary>
/// <param name="Since">When it left them, in seconds since 1970.</param>
/// <param name="Service">The id of the service.</param>
/// <param name="Backend">Its id.</param>
/// <param name="Address">Its address.</param>
/// <param name="Uid">Tells the pod from others that had or get the address.</param>
internal readonly record struct Drain(long Since, uint Service, uint Backend, IPAddress Address, ulong Uid) : IComparable<Drain>
{
    public int CompareTo(Drain other) => (Since, Service, Backend).CompareTo((other.Since, other.Service, other.Backend));
}
