// Each test runs a whole node and kills its processes, so they run one at a time to avoid influencing each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
