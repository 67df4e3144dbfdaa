// Each test has file systems and processes of its own size: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
