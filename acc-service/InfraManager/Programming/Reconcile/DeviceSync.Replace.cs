using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <content>
/// Changes rows on a target that cannot modify them: each row is deleted and inserted again, one at a time, so that it is missing as
/// briefly as possible. Where a missing row would let packets through, a hold drops them meanwhile (<see
/// cref="State.Node.ModelCompiler.HoldFor"/>). If this process dies in between, the hold stays until the row is back.
/// </content>
internal sealed partial class DeviceSync
{
    private async Task ReplaceAsync(ReadOnlyMemory<EntryUpdate> updates, WritePass pass, CancellationToken cancellationToken)
    {
        EntryUpdate[] plain = [.. updates.Span.ToArray().Where(u => u.Kind != UpdateKind.Modify)];
        if (plain.Length > 0)
        {
            await WriteAsync(plain, pass, cancellationToken);
        }

        for (var i = 0; i < updates.Length; i++)
        {
            var update = updates.Span[i];
            if (update.Kind != UpdateKind.Modify)
            {
                continue;
            }

            if (_compiler?.HoldFor(update.Entry) is { } hold)
            {
                await ReplaceUnderHoldAsync(update, hold, pass, cancellationToken);
            }
            else if (update.Entry.Table.Kind == TableKind.ProfileGroups)
            {
                await ReplaceGroupAsync(update, pass, cancellationToken);
            }
            else
            {
                await ReplaceRowAsync(update, pass, cancellationToken);
            }
        }
    }

    private async Task ReplaceUnderHoldAsync(EntryUpdate update, Entry hold, WritePass pass, CancellationToken cancellationToken)
    {
        var side = pass.CreateSidePass();
        Tables.Expect(hold.Key);
        await WriteOneAsync(UpdateKind.Insert, hold, side, cancellationToken);
        if (side.Refused.TryGetValue(hold.Key, out var refused))
        {
            // Without the hold packets would be misrouted: keep the old row.
            Tables.FoundAbsent(hold.Key);
            Tables.Refused(update);
            pass.Refused[update.Entry.Key] = refused;
            return;
        }

        if (side.Doubt is { } doubt)
        {
            // Whether the hold is present is read back before the row is retried.
            pass.Doubt ??= doubt;
            return;
        }

        await ReplaceRowAsync(update, pass, cancellationToken);
        // If the row could not be inserted again, the hold stays until the retry succeeds.
        if (!pass.Refused.ContainsKey(update.Entry.Key) && pass.Doubt is null)
        {
            await WriteOneAsync(UpdateKind.Delete, hold, side, cancellationToken);
        }

        pass.Corrected |= side.Corrected;
        pass.Doubt ??= side.Doubt;
    }

    /// <summary>Replaces a group and the rows that refer to it: they use the target's own number of the group, which may change.</summary>
    private async Task ReplaceGroupAsync(EntryUpdate update, WritePass pass, CancellationToken cancellationToken)
    {
        var leading = Tables.LeadingTo(update.Entry);
        foreach (var row in leading)
        {
            await WriteOneAsync(UpdateKind.Delete, row, pass, cancellationToken);
        }

        await ReplaceRowAsync(update, pass, cancellationToken);
        foreach (var row in leading)
        {
            // If an outcome is unknown, everything is read back before anything else is written.
            if (!pass.Refused.ContainsKey(row.Key) && pass.Doubt is null)
            {
                await WriteOneAsync(UpdateKind.Insert, row, pass, cancellationToken);
            }
        }
    }

    private async Task ReplaceRowAsync(EntryUpdate update, WritePass pass, CancellationToken cancellationToken)
    {
        await WriteOneAsync(UpdateKind.Delete, update.Entry, pass, cancellationToken);
        // If the delete was refused, the old row is still there.
        if (!pass.Refused.ContainsKey(update.Entry.Key) && pass.Doubt is null)
        {
            await WriteOneAsync(UpdateKind.Insert, update.Entry, pass, cancellationToken);
        }
    }

    private Task WriteOneAsync(UpdateKind kind, Entry entry, WritePass pass, CancellationToken cancellationToken) =>
        WriteAsync(new[] { new EntryUpdate(kind, entry) }, pass, cancellationToken);
}
