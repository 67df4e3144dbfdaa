using System.Net;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// A backend on another node, or on this node's host network, that left the endpoint slices and keeps its connections. Ordered by the time
/// when it left.
/// </summary>
/// <param name="Since">When it left the slices, in Unix seconds.</param>
/// <param name="Service">The service's ID.</param>
/// <param name="Backend">The backend's ID.</param>
/// <param name="Address">The backend's address.</param>
/// <param name="Uid">Distinguishes the pod from earlier and later pods with the same address.</param>
internal readonly record struct Drain(long Since, uint Service, uint Backend, IPAddress Address, ulong Uid) : IComparable<Drain>
{
    public int CompareTo(Drain other) => (Since, Service, Backend).CompareTo((other.Since, other.Service, other.Backend));
}
