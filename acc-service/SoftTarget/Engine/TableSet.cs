namespace ACCOffload.SoftTarget.Engine;

/// <summary>One of the two copies of the tables and selector groups.</summary>
internal sealed unsafe class TableSet : IDisposable
{
    private readonly NativeBlock _hotTables;
    private readonly NativeBlock _hotSelectors;

    public TableSet(SwxProgram program, ulong seed)
    {
        _hotTables = new NativeBlock((long)program.Tables.Count * sizeof(TableHot));
        _hotSelectors = new NativeBlock((long)program.Selectors.Count * sizeof(SelectorHot));
        HotTables = (TableHot*)_hotTables.Pointer;
        HotSelectors = (SelectorHot*)_hotSelectors.Pointer;
        Tables = new TableStore[program.Tables.Count];
        for (var i = 0; i < Tables.Length; i++)
        {
            Tables[i] = new TableStore(program.Tables[i], program.TableKeys[i], HotTables + i, seed + (ulong)i * 0x1_0001);
        }

        Selectors = new SelectorStore[program.Selectors.Count];
        for (var i = 0; i < Selectors.Length; i++)
        {
            Selectors[i] = new SelectorStore(program.Selectors[i], program.SelectorLayouts[i], HotSelectors + i);
        }
    }

    public TableHot* HotTables { get; }

    public SelectorHot* HotSelectors { get; }

    public TableStore[] Tables { get; }

    public SelectorStore[] Selectors { get; }

    public void Seal()
    {
        foreach (var table in Tables)
        {
            table.Seal();
        }
    }

    public void Dispose()
    {
        foreach (var table in Tables)
        {
            table.Dispose();
        }

        foreach (var selector in Selectors)
        {
            selector.Dispose();
        }

        _hotTables.Dispose();
        _hotSelectors.Dispose();
    }
}
