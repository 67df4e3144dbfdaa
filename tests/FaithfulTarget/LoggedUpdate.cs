using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>One update of a Write as received.</summary>
/// <param name="Kind">INSERT, MODIFY or DELETE.</param>
/// <param name="Name">The P4 name of the table or action profile, or its ID if the pipeline lacks it; otherwise the entity type.</param>
/// <param name="Entity">The entity.</param>
/// <param name="Code">The status code of the update, before any rollback.</param>
public sealed record LoggedUpdate(P4.V1.Update.Types.Type Kind, string Name, Entity Entity, StatusCode Code)
{
    public override string ToString() => $"{Kind.ToString().ToUpperInvariant()} {Name}{(Code == StatusCode.OK ? "" : ": " + Code)}";
}
