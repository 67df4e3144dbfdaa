using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <content>
/// Changes of rows on a target that can't modify them: each is deleted and inserted again, one after the other, so that packets miss a row
/// for as short as possible. What would be let through meanwhile is held (<see cref="State.Node.ModelCompiler.HoldFor"/>). If this process
/// ends in between, the hold stays until the row is back.
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
                await ReplaceHeldAsync(update, hold, pass, cancellationToken);
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

    private async Task ReplaceHeldAsync(EntryUpdate update, Entry hold, WritePass pass, CancellationToken cancellationToken)
    {
        var aside = pass.Aside();
        Tables.Expect(hold.Key);
        await WriteOneAsync(UpdateKind.Insert, hold, aside, cancellationToken);
        if (aside.Refused.TryGetValue(hold.Key, out var refused))
        {
            // Without it packets would go astray: the row stays as it was.
            Tables.FoundAbsent(hold.Key);
            Tables.Refused(update);
            pass.Refused[update.Entry.Key] = refused;
            return;
        }

        if (aside.Doubt is { } doubt)
        {
            // Held or not is read back before the row is tried again.
            pass.Doubt ??= doubt;
            return;
        }

        await ReplaceRowAsync(update, pass, cancellationToken);
        // A row that could not be inserted again stays held, until it is tried again.
        if (!pass.Refused.ContainsKey(update.Entry.Key) && pass.Doubt is null)
        {
            await WriteOneAsync(UpdateKind.Delete, hold, aside, cancellationToken);
        }

        pass.Corrected |= aside.Corrected;
        pass.Doubt ??= aside.Doubt;
    }

    /// <summary>
    /// Rows find a group by the target's own number for it, which may be another one afterwards: they are made anew as well.
    /// </summary>
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
            // After a doubt all is read back before anything is written again.
            if (!pass.Refused.ContainsKey(row.Key) && pass.Doubt is null)
            {
                await WriteOneAsync(UpdateKind.Insert, row, pass, cancellationToken);
            }
        }
    }

    private async Task ReplaceRowAsync(EntryUpdate update, WritePass pass, CancellationToken cancellationToken)
    {
        await WriteOneAsync(UpdateKind.Delete, update.Entry, pass, cancellationToken);
        // A row that stays is there as it was.
        if (!pass.Refused.ContainsKey(update.Entry.Key) && pass.Doubt is null)
        {
            await WriteOneAsync(UpdateKind.Insert, update.Entry, pass, cancellationToken);
        }
    }

    private Task WriteOneAsync(UpdateKind kind, Entry entry, WritePass pass, CancellationToken cancellationToken) =>
        WriteAsync(new[] { new EntryUpdate(kind, entry) }, pass, cancellationToken);
}
