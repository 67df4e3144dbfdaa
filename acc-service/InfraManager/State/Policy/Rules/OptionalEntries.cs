namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>Tables whose entries are set, or removed with null, as in the methods that change the model.</summary>
internal static class OptionalEntries
{
    public static void SetOrRemove<T>(this Dictionary<string, T> table, string key, T? value) where T : class
    {
        if (value is null)
        {
            table.Remove(key);
        }
        else
        {
            table[key] = value;
        }
    }
}
