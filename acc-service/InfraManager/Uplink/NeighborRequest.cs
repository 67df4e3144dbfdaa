using System.Net;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>What the kernel is asked to do about a neighbour.</summary>
internal enum NeighborAction
{
    /// <summary>Resolve it and keep it resolved (NTF_EXT_MANAGED). A kernel before 5.16 resolves or confirms it once.</summary>
    Keep,

    /// <summary>Resolve it.</summary>
    Resolve,

    /// <summary>Confirm it, if there is still an entry, and do not manage it (any more).</summary>
    Confirm,

    /// <summary>Delete its entry.</summary>
    Delete,
}

/// <summary>A request about a neighbour.</summary>
internal readonly record struct NeighborRequest(IPAddress Address, NeighborAction Action);
