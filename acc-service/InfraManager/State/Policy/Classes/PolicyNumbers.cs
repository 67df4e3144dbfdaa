namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// The first numbers that a compiler hands out. A number is never used twice, since packets in flight may still refer to it. After a
/// restart, start beyond the numbers of rows that the target has.
/// </summary>
/// <param name="Groups">Of sets and groups, which share their numbers. Even; at least 2: set 0 judges nothing.</param>
/// <param name="PeerClasses">At least 1: class 0 is a miss.</param>
/// <param name="PortClasses">At least 1: class 0 is a miss.</param>
internal sealed record PolicyNumbers(uint Groups = 2, uint PeerClasses = 1, uint PortClasses = 1);
