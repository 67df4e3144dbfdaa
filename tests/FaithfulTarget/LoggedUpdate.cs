using Grpc.Core;
using P4.V1;

namespace ACCOffload.Faithful;

/// <summary>One update of a Write, as it arrived.</summary>
/// <param name="Kind">INSERT, MODIFY or DELETE.</param>
/// <param name="Name">The table's or action profile's P4 name; the id where there is none.</param>
/// <param name="Entity">The whole update.</param>
/// <param name="Code">What it was answered with.</param>
public sealed record LoggedUpdate(P4.V1.Update.Types.Type Kind, string Name, Entity Entity, StatusCode Code)
{
    public override string ToString() => $"{Kind.ToString().ToUpperInvariant()} {Name}{(Code == StatusCode.OK ? "" : ": " + Code)}";
}
