// Each test uses large file systems and many processes, so they run one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
